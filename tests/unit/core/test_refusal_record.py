"""The refusal that a handler records, and the header fields of the response that it replaces."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.adapting.refusal import DROPPED, KEPT, replace_headers
from iiniit_guard.adapting.request_state import (
    RECORD_KEY,
    RefusalRecord,
    add_notes,
    record_refusal,
    recorded_refusal,
    with_notes,
)
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.claims import Claims
from iiniit_guard.core.model.decision import Deny, Response
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.guard import Guard

FIRST = Deny(403, (), b"", Reason.MISSING_SCOPE)
SECOND = Deny(401, (), b"", Reason.EXPIRED)
GUARD: Any = object()
OTHER: Any = object()
PREFLIGHT = Request(
    "OPTIONS",
    "/",
    headers=((b"origin", b"https://app.example"), (b"access-control-request-method", b"GET")),
)


def test_the_first_refusal_of_a_request_stays():
    state = with_notes({}, GUARD, None)

    record_refusal(state, FIRST)
    record_refusal(state, SECOND)

    assert recorded_refusal(state) is FIRST


@pytest.mark.parametrize("state", [{}, {RECORD_KEY: None}, {RECORD_KEY: "no record"}])
def test_without_a_middleware_nothing_is_recorded(state):
    record_refusal(state, FIRST)

    assert recorded_refusal(state) is None


def test_every_outer_record_gets_the_refusal_and_no_inner_one_does():
    outer, middle, inner = RefusalRecord(), RefusalRecord(), RefusalRecord()
    states = [with_notes({}, GUARD, None, record=outer)]
    for record in (middle, inner):
        states.append(with_notes(states[-1], GUARD, None, record=record))

    record_refusal(states[1], FIRST)
    record_refusal(states[2], SECOND)

    assert [record.refusal for record in (outer, middle, inner)] == [FIRST, FIRST, SECOND]


def test_a_record_of_another_guard_is_the_outer_one_of_what_is_noted_over_it():
    outer = RefusalRecord()
    state = with_notes({}, GUARD, None, record=outer)

    add_notes(state, OTHER, None)
    record_refusal(state, FIRST)

    assert state[RECORD_KEY] is not outer
    assert outer.refusal is FIRST


@pytest.mark.parametrize("found", ["no record", 7])
def test_what_is_no_record_is_no_outer_one(found):
    state = with_notes({RECORD_KEY: found}, GUARD, None)
    add_notes(state, OTHER, None)

    record_refusal(state, FIRST)

    assert recorded_refusal(state) is FIRST


def test_a_record_that_is_noted_again_is_not_its_own_outer_one():
    record = RefusalRecord()
    state = with_notes(with_notes({}, GUARD, None, record=record), GUARD, None, record=record)

    record_refusal(state, FIRST)

    assert (record.refusal, record.outer) == (FIRST, None)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_what_a_scope_holds_is_the_same(copied):
    state = with_notes(
        {},
        Guard(issuer="https://issuer.test", audience="api")._engine,
        AccessToken("https://issuer.test"),
        Principal("ApiKey"),
    )

    assert [copied(value) is value for value in state.values()] == [True] * 4
    assert copied(claims := Claims({"act": {"sub": "bob"}})) is claims


def test_a_token_that_is_found_later_keeps_the_record_of_its_guard_and_no_other():
    state = dict(with_notes({}, GUARD, None))
    record_refusal(state, FIRST)

    add_notes(state, GUARD, None)
    assert recorded_refusal(state) is FIRST

    add_notes(state, OTHER, None)
    assert recorded_refusal(state) is None


def test_the_middleware_can_hand_its_own_record_down():
    record = RefusalRecord()

    record_refusal(with_notes({}, GUARD, None, record=record), FIRST)

    assert record.refusal is FIRST


REFUSAL = Response(
    403,
    (
        ("WWW-Authenticate", "Bearer"),
        ("Content-Type", "application/problem+json"),
        ("Content-Length", "2"),
        ("Cache-Control", "no-store"),
        ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After"),
    ),
    b"{}",
)


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [
        ([], []),
        ([("Access-Control-Allow-Origin", "https://app.example"), ("X-Request-ID", "7")], "both"),
        ([("Set-Cookie", "a=1"), ("set-cookie", "b=2")], "both"),
        (
            [
                ("Content-Type", "text/html"),
                ("content-length", "900"),
                ("Content-Encoding", "gzip"),
                ("ETag", '"x"'),
            ],
            [],
        ),
        ([("Transfer-Encoding", "chunked"), ("Trailer", "x")], []),
        (
            [
                ("Cache-Control", "public, max-age=60"),
                ("Expires", "tomorrow"),
                ("Age", "3"),
                ("Last-Modified", "today"),
            ],
            [],
        ),
        ([("Location", "/elsewhere"), ("Refresh", "0;url=/")], []),
        ([("www-authenticate", "Basic"), ("Retry-After", "1")], []),
    ],
)
def test_which_fields_of_a_replaced_response_stay(replaced, expected):
    headers = replace_headers(REFUSAL, replaced)

    others = [field for field in headers if field[0] not in dict(REFUSAL.headers)]
    assert others == (replaced if expected == "both" else expected)
    assert {name: value for name, value in headers if (name, value) not in others} == dict(
        REFUSAL.headers
    )
    assert len(headers) == len(REFUSAL.headers) + len(others)


GATEWAY_FIELDS = [
    *(
        "X-Accel-Redirect",
        "X-Accel-Expires",
        "x-accel-limit-rate",
        "X-ACCEL-BUFFERING",
        "X-Sendfile",
        "X-Sendfile2",
        "X-Sendfile-Temporary",
    ),
    *(
        "X-Send-File",
        "X-Lighttpd-Send-File",
        "X-LIGHTTPD-send-tempfile",
        "X-Reproxy-URL",
        "X-Reproxy-File",
        "X-LiteSpeed-Location",
    ),
    *(
        "X-LiteSpeed-Cache-Control",
        "X-LSADC-Cache-Control",
        "X-AppEngine-BlobKey",
        "X-Envoy-Immediate-Health-Check-Fail",
        "Grip-Hold",
    ),
    *(
        "Fly-Replay",
        "X-Middleware-Rewrite",
        "X-Offload-to-SSE",
        "HX-Redirect",
        "HX-Location",
        "X-Inertia-Location",
        "Status",
        "Link",
    ),
    *(
        "CDN-Cache-Control",
        "Cloudflare-CDN-Cache-Control",
        "Vercel-CDN-Cache-Control",
        "Netlify-CDN-Cache-Control",
        "Netlify-Vary",
    ),
    *(
        "Akamai-Cache-Control",
        "X-Google-Cache-Control",
        "Edge-Control",
        "Edge-Cache-Tag",
        "Surrogate-Control",
        "Surrogate-Key",
        "Cache-Tag",
    ),
    *(
        "Cache-Status",
        "Cache-Groups",
        "CDN-Tag",
        "X-Cache-Tags",
        "X-Drupal-Cache-Tags",
        "xkey",
        "X-Varnish-TTL",
        "X-TTL",
        "No-Vary-Search",
    ),
    *(
        "Content-Digest",
        "Repr-Digest",
        "Digest",
        "Signature",
        "Content-Disposition",
        "Content-Security",
        "Connection",
        "Upgrade",
        "SourceMap",
    ),
]
OTHERS_KEEP = [
    *(
        "Content-Security-Policy",
        "content-security-policy-report-only",
        "Strict-Transport-Security",
        "X-Frame-Options",
        "Referrer-Policy",
    ),
    *(
        "X-Content-Type-Options",
        "Permissions-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Report-To",
        "NEL",
    ),
    *(
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Set-Cookie",
        "X-Request-ID",
        "traceparent",
        "CF-Ray",
        "Server",
    ),
    *(
        "X-Correlation-ID",
        "Server-Timing",
        "Date",
        "Via",
        "Alt-Svc",
        "X-RateLimit-Remaining",
        "X-Account-Balance",
        "Clear-Site-Data",
        "X-Cached",
    ),
]


@pytest.mark.parametrize("name", GATEWAY_FIELDS)
def test_a_field_on_which_a_server_or_gateway_acts_goes(name):
    assert {field.lower() for field, _ in replace_headers(REFUSAL, [(name, "x")])} == {
        field.lower() for field, _ in REFUSAL.headers
    }


@pytest.mark.parametrize("name", OTHERS_KEEP)
def test_a_field_that_other_layers_add_stays(name):
    assert (name, "x") in replace_headers(REFUSAL, [(name, "x")])


@pytest.mark.parametrize(
    "pattern", [pattern for patterns in DROPPED.values() for pattern in patterns]
)
def test_every_pattern_drops_what_it_names(pattern):
    name = pattern.replace("*", "some")

    assert name not in dict(replace_headers(REFUSAL, [(name, "x")]))
    assert f"x{name}x" in dict(replace_headers(REFUSAL, [(f"x{name}x", "x")]))


@pytest.mark.parametrize(
    "name",
    [
        "X-Accel-Redirect ",
        " X-Accel-Redirect",
        "X-Accel-Redirect:",
        "X-\xe9",
        "",
        "a b",
        "X-Accel-Redirect\r",
    ],
)
def test_what_is_no_field_name_goes(name):
    assert name not in dict(replace_headers(REFUSAL, [(name, "x")]))


def test_the_reference_names_every_pattern():
    page = (Path(__file__).parents[3] / "docs" / "reference" / "adapters.md").read_text(
        encoding="utf-8"
    )
    assert [
        pattern
        for patterns in (*DROPPED.values(), KEPT)
        for pattern in patterns
        if f"`{pattern}`" not in page
    ] == []


def test_lists_are_merged():
    headers = dict(
        replace_headers(
            REFUSAL,
            [
                ("Vary", "Origin"),
                ("vary", "origin, Cookie"),
                ("access-control-expose-headers", "X-Page"),
            ],
        )
    )

    assert headers["Access-Control-Expose-Headers"] == "WWW-Authenticate, Retry-After, X-Page"
    assert headers["vary"] == "Origin, Cookie"


@pytest.mark.parametrize(
    ("preflights", "host_answers", "passes"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("pass", False, True),
        ("pass", True, True),
        ("guard", True, False),
    ],
)
def test_a_preflight_passes_by_itself_only_where_the_host_answers_it(
    preflights, host_answers, passes
):
    admission = make_admission(preflights=preflights)

    assert (admission.policy_for(PREFLIGHT, host_answers=host_answers) == "pass") is passes
    assert admission.passes_as_preflight(PREFLIGHT, host_answers=host_answers) is passes

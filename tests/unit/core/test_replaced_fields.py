"""Which header fields of a response stay when a refusal replaces it."""

from __future__ import annotations

from pathlib import Path

import pytest

from iiniit_guard.adapting.refusal import DROPPED, KEPT, replace_headers
from iiniit_guard.core.model.decision import Response

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

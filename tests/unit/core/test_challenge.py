"""Refusals: challenges, problem documents, header fields."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.core.http.challenge import RefusalWriter, challenge, quoted
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request

GET = Request("GET", "/")
ANSWERS = RefusalWriter("https://api.test")
METADATA = "https://api.test/.well-known/oauth-protected-resource"


def challenge_of(problem, policy=ANY_TOKEN, answers=ANSWERS, **more):
    problem = problem if isinstance(problem, Problem) else PROBLEMS[problem]
    return answers.deny(problem, GET, policy, **more).header("WWW-Authenticate")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param("a b", '"a b"', id="always quoted"),
        pytest.param("", '""', id="empty"),
        pytest.param('a"b', '"a\\"b"', id="RFC 9110 §5.6.4: quoted-pair"),
        pytest.param("a\\b", '"a\\\\b"', id="RFC 9110 §5.6.4: backslash"),
        pytest.param('\\"', '"\\\\\\""', id="both"),
    ],
)
def test_a_value_is_a_quoted_string(value, written):
    assert quoted(value) == written


@pytest.mark.parametrize("value", ["a\r\nX: y", "\x00", "é", "\x7f", "\t"])
def test_a_value_that_would_break_the_header_is_never_written(value):
    """CWE-113."""
    with pytest.raises(ValueError, match="printable ASCII"):
        quoted(value)


def test_a_challenge_without_parameters_is_the_scheme():
    """RFC 9110 §11.3."""
    assert challenge("Bearer", []) == "Bearer"
    assert challenge("Bearer", [("a", "1"), ("b", "2")]) == 'Bearer a="1", b="2"'


def test_no_credentials_gives_no_error_code():
    """RFC 6750 §3.1."""
    assert challenge_of(Reason.NO_TOKEN) == 'Bearer realm="https://api.test"'


def test_an_error_stands_behind_the_realm():
    """RFC 6750 §3."""
    assert challenge_of(Reason.EXPIRED) == (
        'Bearer realm="https://api.test", error="invalid_token", error_description="The access '
        'token has expired."'
    )


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        pytest.param(
            make_policy(["b", "a"]), ', scope="b a"', id="RFC 6750 §3: all, in the order named"
        ),
        pytest.param(make_policy(["b", "a"], match="any"), ', scope="b"', id="any: the first"),
        pytest.param(ANY_TOKEN, "", id="nothing wanted"),
    ],
)
def test_a_missing_scope_is_named(policy, scope):
    assert (challenge_of(Reason.MISSING_SCOPE, policy) or "").endswith(f'needed."{scope}')
    assert (challenge_of(Reason.EXPIRED, policy) or "").endswith(f'expired."{scope}')
    assert challenge_of(Reason.NO_TOKEN, policy) == f'Bearer realm="https://api.test"{scope}'
    assert "scope=" not in (challenge_of(Reason.MALFORMED_HEADER, policy) or "")


@pytest.mark.parametrize(
    ("policy", "tail"),
    [
        pytest.param(
            make_policy(acr_values="a b"), ', acr_values="a b"', id="RFC 9470 §3: acr_values"
        ),
        pytest.param(make_policy(max_age=0), ', max_age="0"', id="RFC 9470 §3: max_age, 0 too"),
        pytest.param(
            make_policy(["s"], acr_values="a", max_age=5),
            ', acr_values="a", max_age="5", scope="s"',
            id="RFC 9470 §4: scope too",
        ),
    ],
)
def test_step_up_says_what_is_wanted(policy, tail):
    written = challenge_of(Reason.INSUFFICIENT_AUTHENTICATION, policy) or ""
    assert 'error="insufficient_user_authentication"' in written
    assert written.endswith(f'needed."{tail}')
    assert "max_age" not in (challenge_of(Reason.MISSING_SCOPE, policy) or "")


@pytest.mark.parametrize("reason", [Reason.NO_TOKEN, Reason.EXPIRED, Reason.MISSING_SCOPE])
def test_metadata_is_named_where_it_is_served(reason):
    """RFC 9728 §5.1; on 403 too."""
    answers = RefusalWriter("r", resource_metadata=METADATA)
    assert (challenge_of(reason, answers=answers) or "").endswith(
        f', resource_metadata="{METADATA}"'
    )


def test_each_accepted_scheme_has_a_challenge_and_the_used_one_the_error():
    """One field line holds all challenges, joined by a comma; the used scheme has the error."""
    answers = RefusalWriter("r", schemes=("Bearer", "ApiKey"))
    assert challenge_of(Reason.NO_TOKEN, answers=answers) == 'Bearer realm="r", ApiKey realm="r"'
    assert challenge_of(Reason.INACTIVE, answers=answers) == (
        'Bearer realm="r", error="invalid_token", error_description="The access token is not '
        'active.", ApiKey realm="r"'
    )
    used = challenge_of(Reason.MISSING_SCOPE, answers=answers, scheme="apikey") or ""
    assert used.startswith('Bearer realm="r", ApiKey realm="r", error="insufficient_scope"')


def test_a_request_without_a_rule_is_refused_without_a_challenge():
    """No token would be accepted either, so a challenge would mislead the client."""
    denied = ANSWERS.deny(PROBLEMS[Reason.NO_RULE], GET, ANY_TOKEN)
    assert denied.header("WWW-Authenticate") is None
    assert "error" not in json.loads(denied.body)


def test_the_body_is_a_problem_document_with_our_reason():
    """RFC 9457 §3."""
    denied = ANSWERS.deny(PROBLEMS[Reason.EXPIRED], GET, ANY_TOKEN)
    assert json.loads(denied.body) == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The access token has expired.",
        "reason": "expired",
        "error": "invalid_token",
        "error_description": "The access token has expired.",
    }
    assert denied.header("Content-Type") == "application/problem+json"
    assert denied.header("Content-Length") == str(len(denied.body))
    assert denied.header("Cache-Control") == "no-store"
    assert denied.header("Access-Control-Expose-Headers") is None


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.reason.value)
def test_every_problem_can_be_written(problem):
    denied = ANSWERS.deny(problem, GET, make_policy(["s"]))
    document = json.loads(denied.body)
    assert (denied.status, denied.reason, document["reason"]) == (
        problem.status,
        problem.reason,
        problem.reason.value,
    )
    assert document.get("error") == problem.code
    assert denied.status_line.endswith(document["title"])


def test_a_dpop_challenge_names_the_algorithms():
    """RFC 9449 §7.1: the error under the scheme used, `algs` always, a nonce on demand.

    A client that read only the first challenge would not see the demand for a nonce in the second.
    """
    writer = RefusalWriter("r", ("Bearer", "DPoP"), proof_algorithms="ES256 EdDSA")
    problem = PROBLEMS[Reason.PROOF_NONCE_REQUIRED]
    denied = writer.deny(problem, GET, make_policy(["s"]), scheme="dpop", nonce="n-1")

    assert denied.header("WWW-Authenticate") == (
        'DPoP realm="r", error="use_dpop_nonce", error_description="A DPoP nonce is required.", '
        'scope="s", algs="ES256 EdDSA", Bearer realm="r", scope="s"'
    )
    assert [value for name, value in denied.headers if name == "DPoP-Nonce"] == ["n-1"]
    assert writer.deny(problem, GET, ANY_TOKEN).header("DPoP-Nonce") is None


def test_head_has_the_headers_and_no_body():
    """RFC 9110 §9.3.2."""
    head = Request("HEAD", "/")
    for answer, same in (
        (
            ANSWERS.deny(PROBLEMS[Reason.EXPIRED], head, ANY_TOKEN),
            ANSWERS.deny(PROBLEMS[Reason.EXPIRED], GET, ANY_TOKEN),
        ),
        (
            ANSWERS.unavailable(Unreachable("timeout", "x"), head),
            ANSWERS.unavailable(Unreachable("timeout", "x"), GET),
        ),
    ):
        assert answer.body == b""
        assert answer.headers == same.headers


def test_a_page_of_another_origin_may_read_the_challenge():
    """Fetch standard: `WWW-Authenticate` is not a CORS-safelisted response header."""
    request = Request("GET", "/", headers=[(b"origin", b"https://app.test")])
    exposed = "WWW-Authenticate, DPoP-Nonce, Retry-After"
    assert (
        ANSWERS.deny(PROBLEMS[Reason.EXPIRED], request, ANY_TOKEN).header(
            "Access-Control-Expose-Headers"
        )
        == exposed
    )
    assert (
        ANSWERS.unavailable(Unreachable("tls", "x"), request).header(
            "Access-Control-Expose-Headers"
        )
        == exposed
    )


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (30, "30")]
)
def test_an_outage_is_503_with_retry_after_and_no_challenge(seconds, written):
    """RFC 9110 §10.2.3: whole seconds."""
    answer = ANSWERS.unavailable(Unreachable("timeout", "inner detail", seconds), GET)
    assert (answer.status, answer.reason) == (503, Reason.ISSUER_UNAVAILABLE)
    assert answer.header("Retry-After") == written
    assert answer.header("WWW-Authenticate") is None
    document = json.loads(answer.body)
    assert (document["error"], document["reason"], document["title"]) == (
        "temporarily_unavailable",
        "issuer_unavailable",
        "Service Unavailable",
    )
    assert b"inner" not in answer.body


def test_the_refusal_carries_what_events_want():
    token = AccessToken("https://issuer.test")
    denied = ANSWERS.deny(PROBLEMS[Reason.MISSING_SCOPE], GET, ANY_TOKEN, token=token, cache="hit")
    assert denied.token is token
    assert denied.cache == "hit"
    assert ANSWERS.unavailable(Unreachable("tls", "x"), GET).cache == "miss"

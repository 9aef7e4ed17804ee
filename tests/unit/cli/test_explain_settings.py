"""`iiniit-guard explain`: which checks are shown for which settings and which token."""

from __future__ import annotations

import json

import pytest

from iiniit_guard import Guard, TrustedIssuer
from iiniit_guard.cli.explain.explanation import explain
from iiniit_guard.cli.observed import observed
from iiniit_guard.core.model.flow import HttpResponse, Spawn
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy
from iiniit_guard.testing import Issuer, SettableClock, network, trusted


@pytest.fixture
def issuer():
    return Issuer("https://auth.example", "https://api.example", clock=SettableClock(1.8e9))


@pytest.fixture
def jwks_file(tmp_path, issuer):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(issuer.jwk_set()))
    return file


def in_process(issuer, token, policy=ANY_TOKEN, *, may_call=True, **settings):
    """Return the explanation by a guard that trusts `issuer`, which may not be called."""
    with issuer.guard(**settings) as guard:
        resource, observer = observed(
            guard._engine.resource.settings,
            may_call=may_call,
            transport=issuer.handle if may_call else None,
            wall=issuer.clock.wall,
        )
        return explain(token, resource, observer, policy)


def status_of(found, check, of="token"):
    return next(step.status for step in found.steps if (step.check, step.of) == (check, of))


def test_what_the_claims_lack_is_shown_without_keys(issuer):
    found = in_process(issuer, issuer.token(aud="https://x.test"), may_call=False)

    assert status_of(found, "keys") == "unknown"
    assert status_of(found, "iss") == "would pass"
    assert status_of(found, "audience") == "would fail"
    assert status_of(found, "claims") == "not reached"
    assert found.summary.endswith("a token with a valid signature would be refused: wrong_audience")
    assert "audience: it must equal" in (found.cure or "")


def test_what_the_policy_lacks_is_shown_without_keys(issuer):
    policy = make_policy(["user:write"])
    found = in_process(issuer, issuer.token(), policy, may_call=False)

    assert status_of(found, "scopes") == "would fail"
    good = in_process(issuer, issuer.token(), may_call=False)
    assert {step.status for step in good.steps if step.check == "exp"} == {"would pass"}
    assert good.summary == "no call was made"


def test_an_opaque_token_says_which_call_would_be_made(issuer):
    found = in_process(issuer, issuer.opaque_token(), may_call=False)

    assert (found.verdict, status_of(found, "introspection")) == ("undecided", "unknown")
    assert found.cure == (
        "pass --fetch to introspect the token: POST the introspection_endpoint in the metadata of "
        "https://auth.example as api (ClientSecretBasic)"
    )


def test_a_function_in_place_of_the_endpoint_is_called_only_when_asked(issuer):
    asked = []

    def introspect(token):
        asked.append(token)
        return {"active": True, "aud": "https://api.example", "scope": "user:read"}

    for may_call, verdict in ((False, "undecided"), (True, "accepted")):
        found = in_process(
            issuer, issuer.opaque_token(), may_call=may_call, introspection=introspect
        )
        assert found.verdict == verdict
        assert "the function" in found.steps[-13].expected
    assert len(asked) == 1


def test_wrong_credentials_of_the_guard_are_no_introspection_response(issuer):
    body = b'{"error": "invalid_client"}'
    issuer.fail(HttpResponse(401, (("content-type", "application/json"),), body), "introspection")
    found = in_process(issuer, issuer.opaque_token())
    step = next(step for step in found.steps if step.check == "introspection")

    assert (found.verdict, step.received) == ("undecided", "no response")
    assert (found.cure or "").startswith("introspection: client_id, client_secret")


def test_an_outage_is_no_refusal(issuer):
    issuer.fail("500", "introspection")
    found = in_process(issuer, issuer.token(), jwt="both")

    assert (found.verdict, found.status) == ("undecided", 503)
    assert status_of(found, "signature") == "passed"
    assert status_of(found, "introspection") == "unknown"
    issuer.fail("garbage", "jwks")
    found = in_process(issuer, issuer.token())
    assert "login page" in (found.cure or "")


def test_the_response_and_not_the_token_is_refused(issuer):
    token = issuer.token()
    issuer._known[token]["aud"] = "https://other.example"
    found = in_process(issuer, token, jwt="both")

    assert status_of(found, "audience") == "passed"
    assert status_of(found, "audience", "response") == "refused"


def test_several_issuers_are_told_apart(issuer):
    other = Issuer("https://other.example", "https://api.example", clock=issuer.clock)
    with Guard(
        issuers=[trusted(issuer, algorithms=["RS256"]), trusted(other, introspection=None)],
        transport=network(issuer, other),
        clock=issuer.clock.clock,
    ) as guard:
        settings = guard._engine.resource.settings
        resource, observer = observed(
            settings,
            may_call=False,
            transport=network(issuer, other),
            wall=issuer.clock.wall,
        )
        assert explain(other.token(), resource, observer, ANY_TOKEN).verdict == "accepted"
        found = explain(issuer.token(), resource, observer, ANY_TOKEN)
        assert status_of(found, "algorithm of the issuer") == "refused"
        found = explain(issuer.token(iss="https://x.test"), resource, observer, ANY_TOKEN)
        assert status_of(found, "issuer") == "refused"
        assert {step.expected for step in found.steps if step.check == "exp"} == {
            "the requirements of a known issuer"
        }


def test_a_callable_finds_the_issuers(issuer, jwks_file):
    known = TrustedIssuer(
        issuer=issuer.issuer, audience="https://api.example", jwks_file=str(jwks_file)
    )
    with Guard(issuers={issuer.issuer: known}.get, clock=issuer.clock.clock) as guard:
        resource, observer = observed(
            guard._engine.resource.settings,
            may_call=False,
            jwks_file=str(jwks_file),
            wall=issuer.clock.wall,
        )
        found = explain(issuer.token(iss="https://x.test"), resource, observer, ANY_TOKEN)
        assert (found.reason, status_of(found, "issuer")) == ("unknown_issuer", "refused")
        assert explain(issuer.token(), resource, observer, ANY_TOKEN).verdict == "accepted"


def test_work_in_the_background_is_left_out(issuer):
    with issuer.guard() as guard:
        _, observer = observed(guard._engine.resource.settings, may_call=True)

        assert observer.perform(Spawn(lambda: pytest.fail("it ran"))) is None


def test_validators_are_part_of_the_explanation(issuer):
    def only_odd(token, request):
        return False

    found = in_process(issuer, issuer.token(), validators=[only_odd])
    (step,) = [step for step in found.steps if step.check == "validators"]

    assert (step.status, step.received) == ("refused", "1 function")
    assert step.expected.startswith("True from test_validators_are_part_of_the_explanation")


def test_a_request_without_an_issuer_is_refused_at_once(issuer):
    found = in_process(issuer, issuer.token(), issuer_resolver=lambda request: None)

    assert [(step.check, step.status) for step in found.steps] == [
        ("credential", "passed"),
        ("issuer", "refused"),
    ]


@pytest.mark.parametrize("settings", [{"token_header": "X-Token"}, {"profile": "assertion"}])
def test_the_token_is_where_the_settings_expect_it(issuer, settings):
    typ = {"typ": "iiniit-assertion+jwt"} if "profile" in settings else {}
    found = in_process(issuer, issuer.token(header=typ), introspection=None, **settings)

    assert found.verdict == "accepted"


def test_a_token_that_is_too_long_is_refused_first(issuer):
    found = in_process(issuer, issuer.token(), max_token_bytes=100)

    assert (found.reason, status_of(found, "credential")) == ("token_too_long", "refused")

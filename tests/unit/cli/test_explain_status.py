"""`iiniit-guard explain`: the check of a token against its status list."""

from __future__ import annotations

import json

import pytest

from iiniit_guard.cli.explain.explanation import Explanation, explain
from iiniit_guard.cli.observed import observed
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.testing import Issuer


def explained(issuer: Issuer, token: str, *, may_call: bool = True, **settings) -> Explanation:
    with issuer.guard(**{"status_list": "check", **settings}) as guard:
        engine = guard._engine
        resource, observer = observed(
            engine.resource.settings,
            may_call=may_call,
            transport=issuer.handle if may_call else None,
            wall=issuer.clock.wall,
        )
        return explain(token, resource, observer, ANY_TOKEN)


def step_of(found: Explanation) -> tuple[str, str, str]:
    return next(
        (step.status, step.received, step.expected)
        for step in found.steps
        if step.check == "status list"
    )


def test_a_revoked_token_shows_its_entry():
    issuer = Issuer()
    token = issuer.listed_token()
    issuer.revoke(token)
    found = explained(issuer, token)
    assert found.reason == "revoked_by_status_list"
    assert found.summary == "the status list says INVALID (1)"
    assert step_of(found) == (
        "refused",
        'entry 0 of "https://issuer.test/statuslists/1"',
        "0 (VALID) in a status list that the issuer signed, or none",
    )


@pytest.mark.parametrize("status", [None, 1, {"other": 1}, {"status_list": 1}])
def test_a_token_without_a_list_is_refused_if_one_is_required(status):
    issuer = Issuer()
    found = explained(issuer, issuer.token(status=status), status_list="required")
    assert found.reason == "malformed_claim"
    assert step_of(found) == (
        "refused",
        "no status list",
        "0 (VALID) in a status list that the issuer signed",
    )


def test_a_list_that_may_not_be_fetched_is_named():
    issuer = Issuer()
    token = issuer.listed_token()
    issuer.fail("503", at="status_list")
    found = explained(issuer, token)
    assert (found.verdict, step_of(found)[0]) == ("undecided", "unknown")
    assert found.cure is not None
    assert "status_list_origins" in found.cure


def test_fetch_makes_the_missing_call(tmp_path):
    issuer = Issuer()
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(issuer.jwk_set()))
    found = explained(issuer, issuer.listed_token(), may_call=False, jwks_file=str(keys))
    assert (found.verdict, step_of(found)[0]) == ("undecided", "unknown")
    assert found.cure == "pass --fetch to fetch the status list that the token names"


def test_the_check_is_not_shown_without_the_setting():
    issuer = Issuer()
    found = explained(issuer, issuer.listed_token(), status_list="off")
    assert "status list" not in [step.check for step in found.steps]


def test_introspection_follows_the_list():
    issuer = Issuer()
    found = explained(issuer, issuer.listed_token(), jwt="both")
    assert found.verdict == "accepted"
    checks = [step.check for step in found.steps]
    assert checks.index("status list") + 1 == checks.index("introspection")

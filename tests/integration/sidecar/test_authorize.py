"""Decisions of `/auth`: rules on the raw target, preflights, cached tokens, and grants that a
gateway may cache.
"""

from __future__ import annotations

import pytest

from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import (
    GATEWAYS,
    RULES,
    ask,
    bearer,
    identity,
    make_sidecar,
    render,
)

PREFLIGHT = [(b"origin", b"https://app.test"), (b"access-control-request-method", b"PATCH")]


@pytest.fixture
def issuer():
    return Issuer()


@pytest.mark.parametrize(
    "method, target, status, reason",
    [
        ("GET", "/v1/user/profile", 200, None),
        ("HEAD", "/v1/user/profile", 200, None),
        ("GET", "/v1/user/profile?a=b", 200, None),
        ("PATCH", "/v1/user/profile", 403, "missing_scope"),
        ("DELETE", "/v1/user/profile", 403, "no_rule"),
        ("GET", "/v1/user", 403, "no_rule"),
        ("GET", "/v1/user/../user/profile", 400, "ambiguous_path"),
        ("GET", "/v1//user/profile", 400, "ambiguous_path"),
        ("GET", "/v1/user%2fprofile", 400, "ambiguous_path"),
        ("GET", "/open/..;/v1/user/profile", 400, "ambiguous_path"),
        ("GET", "/v1/user/profile?access_token=x", 400, "token_in_query"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_rules_are_asked_by_method_and_raw_target(issuer, method, target, status, reason, times):
    sidecar = make_sidecar(issuer, "traefik", rules=RULES)
    answers = [ask(sidecar, method, target, bearer(issuer.token())) for _ in range(times)]
    answer = answers[-1]

    assert answer.status == status
    if reason is not None:
        assert answer.json["reason"] == reason


def test_without_rules_any_token_opens_any_path(issuer):
    sidecar = make_sidecar(issuer, "traefik")

    assert ask(sidecar, "BREW", "/any//where", bearer(issuer.token(None))).status == 200
    assert ask(sidecar, "BREW", "/any//where").status == 401


def test_a_public_path_is_open_whatever_credential_comes(issuer):
    sidecar = make_sidecar(issuer, rules=RULES)

    for headers in ([], bearer("junk"), bearer(issuer.token())):
        answer = ask(sidecar, target="/open", headers=headers)
        assert answer.status == 200
        assert identity(answer)["subject"] == ""
    assert issuer.requests == []


def test_a_method_override_is_never_answered_from_memory(issuer):
    sidecar = make_sidecar(issuer, "traefik", rules=RULES)
    override = [(b"x-http-method-override", b"PATCH")]

    assert ask(sidecar, headers=bearer(issuer.token())).status == 200
    answer = ask(sidecar, headers=[*bearer(issuer.token()), *override])
    assert (answer.status, answer.json["reason"]) == (400, "method_override")


def test_a_method_override_is_judged_where_the_api_honours_it(issuer):
    rules = [*RULES, {"method": "POST", "path": "/v1/user/profile", "scope": "user:read"}]
    sidecar = make_sidecar(issuer, "traefik", rules=rules, server={"method_override": "judge"})
    override = [(b"x-http-method-override", b"PATCH")]

    assert ask(sidecar, "POST", headers=bearer(issuer.token())).status == 200
    assert (
        ask(sidecar, "POST", headers=[*bearer(issuer.token()), *override]).json["reason"]
        == "missing_scope"
    )


def test_what_rules_said_is_remembered_within_bounds(issuer):
    sidecar = make_sidecar(issuer, rules=[{"method": "GET", "path": "/things/<path:name>"}])
    for number in range(4200):
        sidecar.current.authorizer._requirement_for(_original(f"/things/{number}"))
    sidecar.current.authorizer._requirement_for(_original("/things/" + "x" * 600))

    kept = sidecar.current.authorizer._requirements
    assert 0 < len(kept) <= 4096
    assert all(len(target) <= 512 for _, target in kept)


def _original(target):
    from iiniit_guard.sidecar.settings.dialects import Dialect
    from tests.integration.sidecar.sites import question

    method, path, _, lines = question("nginx", "GET", target)
    original = Dialect("nginx").read({"method": method, "raw_path": path, "headers": lines})
    assert original is not None
    return original


LET_THROUGH = {"preflights": "pass"}


def test_a_preflight_passes_where_the_settings_say_so_and_nothing_that_resembles_one(issuer):
    sidecar = make_sidecar(issuer, "traefik", rules=RULES, server=LET_THROUGH)

    assert ask(sidecar, "OPTIONS", headers=PREFLIGHT).status == 200
    assert ask(sidecar, "OPTIONS", headers=[*PREFLIGHT, *bearer(issuer.token())]).status == 403
    assert ask(sidecar, "OPTIONS", headers=PREFLIGHT[:1]).status == 401
    assert ask(sidecar, "GET", headers=PREFLIGHT).status == 401


def test_a_rule_that_names_options_is_obeyed_for_preflights_too(issuer):
    rules = [
        *RULES,
        {"method": "OPTIONS", "path": "/reports", "scope": "reports"},
        {"method": "OPTIONS", "path": "/open", "public": True},
    ]
    for server in ({}, LET_THROUGH):
        sidecar = make_sidecar(issuer, "traefik", rules=rules, server=server)

        assert ask(sidecar, "OPTIONS", "/reports", headers=PREFLIGHT).json["reason"] == "no_token"
        assert ask(sidecar, "OPTIONS", "/open", headers=PREFLIGHT).status == 200
        assert (
            ask(sidecar, "OPTIONS", "/a//../reports", headers=PREFLIGHT).json["reason"]
            == "ambiguous_path"
        )


def test_without_rules_a_preflight_passes_where_the_settings_say_so(issuer):
    assert (
        ask(
            make_sidecar(issuer, "traefik", rules=None, server=LET_THROUGH),
            "OPTIONS",
            headers=PREFLIGHT,
        ).status
        == 200
    )


@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize("rules", [RULES, None], ids=["rules", "no-rules"])
@pytest.mark.parametrize(
    "server",
    [{}, {"preflights": "auto"}, {"preflights": "guard"}],
    ids=["default", "auto", "guard"],
)
def test_preflights_are_guarded_by_default_and_a_refused_one_is_logged_with_the_cure(
    issuer, gateway, rules, server, caplog
):
    sidecar = make_sidecar(issuer, gateway, rules=rules, server=server)
    answers = [ask(sidecar, "OPTIONS", headers=PREFLIGHT) for _ in range(3)]
    other = ask(sidecar, "OPTIONS")
    if gateway == "nginx":
        answers, other = [render(sidecar, answer) for answer in answers], render(sidecar, other)

    assert [(answer.status, answer.json["reason"]) for answer in answers] == [(401, "no_token")] * 3
    assert (other.status, other.json["reason"]) == (401, "no_token")
    messages = [
        record.getMessage() for record in caplog.records if record.name == "iiniit_guard.sidecar"
    ]
    assert len(messages) == (0 if server == {"preflights": "guard"} else 1)
    assert all('set preflights = "pass" in [server]' in message for message in messages)

    issuer.clock.advance(61)
    ask(sidecar, "OPTIONS", headers=PREFLIGHT)
    assert len(
        [record for record in caplog.records if record.name == "iiniit_guard.sidecar"]
    ) == 2 * len(messages)


def test_an_options_request_that_is_no_preflight_is_not_logged_as_one(issuer, caplog):
    sidecar = make_sidecar(issuer, "traefik", rules=RULES)

    assert ask(sidecar, "OPTIONS").status == 401
    assert ask(sidecar, "GET", headers=PREFLIGHT).status == 401
    assert [record for record in caplog.records if "preflights" in record.getMessage()] == []


def test_an_optional_token_lets_the_anonymous_pass_and_no_bad_one(issuer):
    sidecar = make_sidecar(
        issuer,
        "traefik",
        rules=[{"method": "GET", "path": "/v1/user/profile", "optional_token": True}],
    )

    assert identity(ask(sidecar))["issuer"] == ""
    assert ask(sidecar, headers=bearer(issuer.token())).header("x-iiniit-subject") == "user-1"
    assert ask(sidecar, headers=bearer("junk")).status == 401


def test_a_remembered_token_is_counted_and_asks_nobody(issuer):
    sidecar = make_sidecar(issuer)
    token = issuer.opaque_token()
    for _ in range(3):
        assert ask(sidecar, headers=bearer(token)).status == 200

    assert issuer.requests.count("introspection") == 1
    assert sidecar.snapshot()["total"]["counts"] == [
        ["allow", "", "hit", 2],
        ["allow", "", "miss", 1],
    ]


def test_a_remembered_token_without_the_scope_is_refused(issuer):
    sidecar = make_sidecar(issuer, "traefik", rules=RULES)
    token = issuer.token()
    ask(sidecar, headers=bearer(token))

    assert ask(sidecar, "PATCH", headers=bearer(token)).json["reason"] == "missing_scope"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_answer_to_a_question_has_the_length_it_says(issuer, method):
    by_get = ask(make_sidecar(issuer, "traefik"), method)
    by_own_method = ask(make_sidecar(issuer, "envoy"), method)

    assert by_get.header("content-length") == str(len(by_get.body)), (
        "Traefik asks by GET whatever the client's method is"
    )
    assert (by_own_method.body == b"") == (method == "HEAD")
    assert int(by_own_method.header("content-length") or 0) > 0


def test_everything_is_told_where_everything_is_logged(issuer, caplog):
    caplog.set_level("INFO", "iiniit_guard.decisions")
    sidecar = make_sidecar(issuer, server={"log": "all"})
    token = issuer.token()
    for _ in range(2):
        ask(sidecar, headers=bearer(token))

    assert [record.getMessage().split()[0] for record in caplog.records] == ["allow", "allow"]
    assert sidecar.snapshot()["total"]["counts"] == [
        ["allow", "", "hit", 1],
        ["allow", "", "miss", 1],
    ]
    assert token not in caplog.text

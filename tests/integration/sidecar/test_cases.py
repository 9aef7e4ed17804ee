"""Every row of the decision tables through the sidecar, in the dialects of nginx, Traefik and
Envoy: the same answer as in every host.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest

from iiniit_guard.core.model.decision import Allow
from iiniit_guard.rules import Rule, Rules
from iiniit_guard.sidecar.apps.gateway_app import GatewayApp
from iiniit_guard.sidecar.gateway.authorize import Authorizer, Gatekeeping
from iiniit_guard.sidecar.runtime import Running
from iiniit_guard.sidecar.settings.dialects import Dialect
from iiniit_guard.sidecar.settings.introspection_clients import IntrospectionClients
from iiniit_guard.sidecar.settings.peers import Peers
from iiniit_guard.sidecar.status.history import History
from tests.contract.cases.case import Allowed, play, verdict
from tests.contract.cases.tables import CASES
from tests.contract.hosts.calling import Answer, drive
from tests.contract.hosts.handlers import POLICIES, may_send
from tests.contract.hosts.test_matrix import check_token, own_decision
from tests.contract.hosts.tls import FIELD, of_gateway
from tests.integration.sidecar.sites import question

DEMANDS: dict[str, dict[str, Any]] = {
    "/delegated": {"require_actor": True},
    "/billing": {"require_actor": ["billing", "payroll"]},
    "/partner": {"require_actor": {"subjects": "billing", "issuer": "https://partner.test"}},
    "/agents": {"require_actor": {"profile": ["ai_agent", "service"]}},
    "/direct": {"forbid_actor": True},
    "/people": {"forbid_actor": ["ai_agent", "robot"]},
    "/payments": {"authorization_details": "payment_initiation"},
    "/transfers": {"authorization_details": {"transfer": may_send}},
}
RULES = Rules(
    [
        Rule(
            "*",
            path,
            scopes=policy.scopes if policy.match == "all" else (),
            any_scope=policy.scopes if policy.match == "any" else (),
            acr_values=policy.acr_values,
            max_age=policy.max_age,
            **DEMANDS.get(path, {}),
        )
        for path, policy in POLICIES.items()
    ]
)


def application(guard: Any, gateway: Any, *, tells_all: bool) -> GatewayApp:
    clock = guard._engine.resource.clock
    by = Gatekeeping(
        guard._engine,
        History(clock.wall),
        Dialect(gateway, certificates=True),
        Peers(),
        RULES,
        folds=gateway == "nginx",
        tells_all=tells_all,
        preflights="guard",
    )
    # /auth reads no settings
    clients = IntrospectionClients(())
    running = Running(None, guard, Peers(), Authorizer(by), clients, None)  # type: ignore[arg-type]
    return GatewayApp(SimpleNamespace(current=running))  # type: ignore[arg-type]


def sender(gateway: str, *, tells_all: bool = True):
    def send(guard: Any, method: str, path: str, lines: Any, query: str) -> Answer:
        app = application(guard, gateway, tells_all=tells_all)
        asked, own_path, own_query, own_lines = question(
            gateway, method, f"{path}?{query}" if query else path
        )
        lines = [
            of_gateway(value.decode(), gateway) if name == FIELD else (name, value)
            for name, value in lines
        ]
        answer = drive(app, asked, own_path, [*own_lines, *lines], own_query)
        if gateway != "nginx" or answer.status == 200:
            return answer
        return drive(
            app,
            method,
            "/answer",
            [(b"x-iiniit-answer", (answer.header("x-iiniit-answer") or "").encode())],
        )

    return send


def check(case: Any, answer: Answer, reason: str | None) -> None:
    own = own_decision(case)
    if isinstance(own, Allow):
        assert answer.status == 200
        if own.token is not None:
            told = {
                name: unquote(answer.header(f"x-iiniit-{name}") or "")
                for name in ("scope", "subject")
            }
            # A header cannot distinguish an empty subject from a missing one.
            subject = "" if own.token.subject == "" else told["subject"] or None
            check_token(case.expected, frozenset(told["scope"].split()), subject)
        return
    assert answer.status == own.status
    assert verdict(answer.status, answer.header("www-authenticate"), reason) == case.expected
    for name in (
        "www-authenticate",
        "dpop-nonce",
        "retry-after",
        "content-type",
        "cache-control",
        "access-control-expose-headers",
    ):
        assert answer.header(name) == own.header(name)
    if own.body:
        assert json.loads(answer.body or own.body) == json.loads(own.body)


@pytest.mark.unmeasured
@pytest.mark.parametrize("gateway", ["nginx", "traefik", "envoy"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_sidecar_answers_like_every_host(case, gateway):
    answer, scene = play(case, sender(gateway))

    (event,) = scene.events
    assert event.host == "sidecar"
    assert case.asked is None or tuple(scene.issuer.requests) == case.asked
    check(case, answer, event.reason)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "case",
    # A proof is accepted once, so the fast path does not apply to it.
    [case for case in CASES if isinstance(case.expected, Allowed) and case.proofs is None],
    ids=str,
)
def test_the_short_way_to_remembered_tokens_gives_the_same_answer(case):
    send = sender("nginx", tells_all=False)
    first, scene = play(case, send)
    again = send(
        scene.guard,
        case.method,
        case.path,
        case.header_lines(scene.token),
        case.query.replace("{token}", scene.token),
    )

    assert (again.status, again.headers) == (first.status, first.headers)

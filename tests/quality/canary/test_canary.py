"""Search for a marked token, secret and subject in all output at DEBUG level."""

from __future__ import annotations

import logging
import sys
import warnings
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import iiniit_guard
from iiniit_guard import Guard, IssuerUnavailable, TokenRefused
from iiniit_guard.core.http.event import Event
from iiniit_guard.core.issuer.client_authentication import ClientSecretBasic, ClientSecretPost
from iiniit_guard.core.jose import jws as jose
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import GuardError, SettingsError
from iiniit_guard.observe.log import DecisionLog
from iiniit_guard.observe.metrics import DecisionMetrics
from tests.contract.cases import case as cases
from tests.contract.cases.case import Case, Refused, play, seen_by_guard, seen_by_guard_async
from tests.contract.cases.tables import CASES
from tests.contract.hosts.builders import HOSTS
from tests.quality.canary.marks import (
    SECRET,
    SUBJECT,
    TOKEN,
    MarkedIssuer,
    everything_written,
    secret_spellings,
    texts_in,
    token_marks,
)


def broad() -> list[Case]:
    """Return one row of each kind of answer, and every tenth row."""
    kinds: dict[object, Case] = {}
    for case in CASES:
        kinds.setdefault(
            (
                case.expected.reason if isinstance(case.expected, Refused) else "allowed",
                case.method,
                case.path,
            ),
            case,
        )
    return list(dict.fromkeys(chain(kinds.values(), CASES[::10])))


WAYS: dict[str, Any] = {
    "guard": seen_by_guard,
    "guard on a loop": seen_by_guard_async,
    **{host.name: host.call for host in HOSTS},
}


@pytest.fixture
def marked(monkeypatch):
    monkeypatch.setattr(cases, "Issuer", MarkedIssuer)


def test_the_search_finds_what_is_there():
    with everything_written() as written:
        logging.getLogger("somebody").debug("asked with %s", TOKEN)
        warnings.warn(f"the secret is {SECRET}", stacklevel=1)
        print(SUBJECT, file=sys.stderr)
        try:
            raise ValueError(TOKEN * 2)
        except ValueError:
            logging.getLogger("somebody.else").exception("it failed")
    buried = {"a": [({"b": (TOKEN.encode(), deque([SECRET]))},)]}

    assert len(written.holds({TOKEN})) > 3
    assert written.holds({TOKEN * 2})
    assert written.holds(secret_spellings())
    assert written.holds({SUBJECT})
    assert {TOKEN, SECRET} <= set(texts_in(buried))


@pytest.mark.unmeasured
@pytest.mark.parametrize("way", WAYS)
def test_nothing_gets_out_whatever_is_asked(marked, way):
    tokens: list[str] = []
    seen_subjects = 0
    registry = CollectorRegistry()
    with everything_written() as written:
        consumers: list[Callable[[Event], None]] = [
            DecisionLog(which="all"),
            DecisionMetrics(registry),
        ]
        for case in broad():
            if "{token}" in case.query and not way.startswith("guard"):
                continue  # frameworks log whole URLs, so such a token is refused
            answer, scene = play(case, WAYS[way])
            issuer = cast("MarkedIssuer", scene.issuer)
            tokens += issuer.issued
            for event in scene.events:
                for consumer in consumers:
                    consumer(event)
                written.add(event)
                assert (
                    event.subject is None
                    or (event.subject == SUBJECT)
                    or SUBJECT not in event.subject
                )
                seen_subjects += event.subject == SUBJECT
            public(written, scene, answer, tokens)
            # In memory: the caches hold digests of tokens alone, and no secret.
            resource = scene.guard._engine.resource
            learned = [
                resource.cache,
                *(
                    (server.refused, server.tombstones, server.flights, server.keys)
                    for server in servers(resource)
                ),
            ]
            kept = "\n".join(texts_in(*learned, jose._known_headers))
            assert not any(
                mark in kept for mark in (*token_marks(issuer.issued), *secret_spellings())
            ), case.name
    written.texts.append(generate_latest(registry).decode())

    assert written.records > 50
    assert seen_subjects > 5, "the mark is not in use"
    assert len(tokens) > 100
    assert written.holds(token_marks(tokens)) == []
    assert written.holds((*secret_spellings(), SUBJECT)) == []


def servers(resource):
    return list(resource.servers)


def public(written, scene, answer, tokens):
    """Return everything that an application could print, and everything that a client receives."""
    written.add(
        scene.guard,
        scene.guard._engine.resource.settings,
        scene.guard._engine.resource,
        *servers(scene.guard._engine.resource),
    )
    written.add(*(server.settings for server in servers(scene.guard._engine.resource)))
    if scene.issuer.last_request is not None:
        written.add(scene.issuer.last_request)
    if isinstance(answer, Allow):
        written.add(answer, answer.token, answer.principal, getattr(answer.token, "claims", None))
    elif answer.status != 200:  # the application decides what its handler answers
        written.texts.append(answer.body.decode())
        written.add(answer.headers, answer)
    written.add(
        Request(
            "GET",
            "/",
            b"access_token=" + TOKEN.encode(),
            [(b"authorization", b"Bearer " + TOKEN.encode())],
        )
    )


def test_exceptions_hold_nothing():
    issuer = MarkedIssuer()
    with everything_written() as written, issuer.guard() as guard:
        bad = [
            issuer.token(expires_in=-100),
            issuer.token(aud="https://other.test"),
            issuer.token()[:-3] + "AAA",
            issuer.token() + "!",
        ]
        for token in [*bad, TOKEN + " " + TOKEN, "x" * 20_000 + TOKEN, TOKEN]:
            with pytest.raises(TokenRefused) as refused:
                guard.verify(token)
            written.add(refused.value)
        issuer.fail("garbage")
        with pytest.raises(IssuerUnavailable) as unavailable:
            guard.verify(issuer.opaque_token())
        written.add(unavailable.value)
        with (
            issuer.guard(issuer_resolver=lambda request: issuer.issuer) as resolving,
            pytest.raises(GuardError) as usage,
        ):
            resolving.verify(issuer.token())
        written.add(usage.value)

    assert written.holds(token_marks(issuer.issued)) == []
    assert written.holds((*secret_spellings(), SUBJECT)) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"INTROSPECTION_CLIENT_AUTH": SECRET},
        {"INTROSPECTION_CLIENT_SECRET": SECRET},
        {"INTROSPECTION_CLIENT_AUTH": "client_secret_basic", "INTROSPECTION_CLIENT_SECRET": SECRET},
        {
            "INTROSPECTION_CLIENT_AUTH": "bearer",
            "INTROSPECTION_TOKEN": SECRET,
            "INTROSPECTION_CLIENT_ID": "x",
        },
        {"STORE_SECRET": SECRET},
        {
            "STORE_SECRET": SECRET,
            "STORE_URL": f"redis://:{SECRET}@store.test",
            "MAX_TOKEN_BYTES": SECRET,
        },
        {"SCOPE_ALIASES": SECRET, "ALGORITHMS": SECRET, "PROFILE": SECRET},
        {SECRET: SECRET},
    ],
)
def test_faults_of_settings_hold_no_value(environ):
    variables = {f"IINIIT_GUARD_{name}": value for name, value in environ.items()}
    with everything_written() as written, pytest.raises(SettingsError) as fault:
        Guard.from_env(variables)
    told = [
        text
        for text in [str(fault.value), repr(fault.value), *fault.value.faults]
        if SECRET in text.replace(f"IINIIT_GUARD_{SECRET}", "")
    ]

    assert [text for text in told if f"IINIIT_GUARD_{SECRET}" not in text] == []
    assert SECRET in environ or written.holds(secret_spellings()) == []


def test_public_objects_show_no_secret():
    issuer = MarkedIssuer()
    with everything_written() as written:
        for method in (
            ClientSecretBasic("api", SECRET),
            ClientSecretPost("api", SECRET),
            iiniit_guard.BearerToken(SECRET),
        ):
            written.add(method)
            with issuer.guard(introspection=method) as guard:
                written.add(
                    guard,
                    guard._engine.resource.settings,
                    *(server.settings for server in guard._engine.resource.servers),
                )
        pem = issuer.client_check.client_key.private_pem()
        written.add(iiniit_guard.PrivateKeyJwt("api", pem, "ES256"))
        written.add(iiniit_guard.Principal("ApiKey", SUBJECT, frozenset()))
    secret_line = pem.split("\n")[1]

    assert written.holds((*secret_spellings(), secret_line)) == []

"""Helpers of the core tests: flows that run step by step, replies, servers and tokens."""

from __future__ import annotations

import json
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qsl

from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.client_authentication import ClientSecretPost
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.jws import ALGORITHMS, Jws
from iiniit_guard.core.model.flow import (
    Call,
    Fetch,
    Flow,
    HttpRequest,
    HttpResponse,
    ReadFile,
    Shield,
    Spawn,
    Unreachable,
    Wait,
)
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource import Entropy, ProtectedResource
from iiniit_guard.core.settings.guard_settings import make_settings
from iiniit_guard.core.verify_jwt import KeysNeeded, begin_jwt, complete_jwt
from iiniit_guard.testing.clock import SettableClock
from iiniit_guard.testing.jws import write_jws
from iiniit_guard.testing.keys import SigningKey, make_key
from tests.contract.cases.jws_texts import parse_jws

NOW: Final = 1_800_000_000
ISSUER: Final = "https://issuer.test"
API: Final = "https://api.test"
JWKS: Final = f"{ISSUER}/jwks"
INTROSPECT: Final = f"{ISSUER}/introspect"
KEY: Final = make_key("ES256", "tests of the core")
OTHER_KEY: Final = make_key("ES256", "tests of the core", 2)
CREDENTIALS: Final = ClientSecretPost("api", "secret")
DOWN: Final = Unreachable("connection", "refused")


class Steps:
    """One flow that resumes only when a reply is sent."""

    def __init__(self, flow: Any) -> None:
        self._flows = [flow]  # innermost last: a `Shield` runs inside the flow that yielded it
        self.effect: Any = None
        self.ended = False
        self._result: Any = None
        self.send(None)

    def send(self, reply: Any) -> Steps:
        """Send the reply to the effect that the flow waits for."""
        assert not self.ended, "the flow has ended"
        while True:
            try:
                self.effect = self._flows[-1].send(reply)
            except StopIteration as finished:
                self._flows.pop()
                reply = finished.value
                if self._flows:
                    continue
                self.effect, self.ended, self._result = None, True, reply
            except BaseException:
                self.close()
                raise
            if not isinstance(self.effect, Shield):
                return self
            self._flows.append(self.effect.start())
            reply = None

    def throw(self, error: BaseException) -> None:
        """Raise an exception in the innermost flow."""
        try:
            self._flows[-1].throw(error)
        finally:
            self.close()

    def close(self) -> None:
        """Close the flow and the loads that it leads, as the end of an event loop does."""
        for flow in reversed(self._flows):
            flow.close()
        self.effect, self.ended = None, True

    def hang_up(self) -> Steps:
        """Cancel the request alone; the loads that it leads continue."""
        *asked, led = self._flows
        assert asked, "it leads nothing"
        for flow in reversed(asked):
            flow.close()
        self._flows = [led]
        return self

    @property
    def fetch(self) -> HttpRequest:
        """Return the HTTP request that the flow waits for."""
        assert isinstance(self.effect, Fetch), self.effect or self._result
        return self.effect.request

    @property
    def form(self) -> dict[str, str]:
        """Return the form of that request."""
        pairs = parse_qsl(self.fetch.body.decode(), keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    @property
    def join(self) -> Wait:
        """Return the load of another flow that this flow waits for."""
        assert isinstance(self.effect, Wait), self.effect or self._result
        return self.effect

    @property
    def later(self) -> Spawn:
        """Return the background flow that this flow starts."""
        assert isinstance(self.effect, Spawn), self.effect or self._result
        return self.effect

    @property
    def asked(self) -> Call:
        """Return the application's function that this flow calls."""
        assert isinstance(self.effect, Call), self.effect or self._result
        return self.effect

    @property
    def path(self) -> str:
        """Return the path of the file that this flow reads."""
        assert isinstance(self.effect, ReadFile), self.effect or self._result
        return self.effect.path

    @property
    def result(self) -> Any:
        """Return the result of the flow."""
        assert self.ended, f"the flow still waits for {self.effect}"
        return self._result

    @property
    def reason(self) -> Reason:
        """Return the reason of the refusal."""
        assert isinstance(self.result, Problem), self.result
        return self.result.reason

    @property
    def cause(self) -> str:
        """Return the cause of the outage."""
        assert isinstance(self.result, Unreachable), self.result
        return self.result.cause

    def follow(self) -> Steps:
        """Answer a `Wait` with the result of its leader."""
        return self.send(self.join.load.result(0))


def answer(document: Any, *headers: tuple[str, str], status: int = 200) -> HttpResponse:
    """Return a JSON response."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return HttpResponse(status, (("content-type", "application/json"), *headers), body)


def key_set(
    *keys: SigningKey, max_age: int | None = None, control: str | None = None
) -> HttpResponse:
    """Return a response with a JWK Set."""
    control = f"max-age={max_age}" if max_age is not None else control
    headers = () if control is None else (("cache-control", control),)
    return answer({"keys": [key.jwk() for key in keys]}, *headers)


def metadata_document(**members: Any) -> dict[str, Any]:
    return {"issuer": ISSUER, "jwks_uri": JWKS, "introspection_endpoint": INTROSPECT, **members}


def active(clock: SettableClock, **members: Any) -> HttpResponse:
    """Return an active answer (RFC 7662 §2.2); None omits a member."""
    usual = {
        "active": True,
        "iss": ISSUER,
        "aud": API,
        "exp": int(clock.wall()) + 300,
        "scope": "user:read",
        "client_id": "client-1",
    }
    return answer(
        {name: value for name, value in {**usual, **members}.items() if value is not None}
    )


INACTIVE: Final = answer({"active": False})


def make_clock() -> SettableClock:
    return SettableClock(NOW)


def make_issuer(**settings: Any) -> TrustedIssuer:
    """Return settings of the issuer, by default with explicit key and introspection endpoints."""
    usual: dict[str, Any] = {"issuer": ISSUER, "audience": API, "jwks_uri": JWKS}
    if settings.get("introspection") is not None:
        usual["introspection_endpoint"] = INTROSPECT
    return TrustedIssuer(**{**usual, **settings})


def make_server(clock: SettableClock, **settings: Any) -> AuthorizationServer:
    numbers = count(1)
    return AuthorizationServer(
        make_issuer(**settings), clock.clock, lambda: 0.0, lambda: f"unique-{next(numbers)}"
    )


def make_resource(clock: SettableClock, **settings: Any) -> ProtectedResource:
    """Return a protected resource; settings of one issuer are completed as in `make_issuer`."""
    if "issuers" not in settings:
        usual: dict[str, Any] = {"issuer": ISSUER, "audience": API, "jwks_uri": JWKS}
        if settings.get("introspection") is not None:
            usual["introspection_endpoint"] = INTROSPECT
        settings = {**usual, **settings}
    numbers = count(1)
    return ProtectedResource(
        make_settings(settings),
        clock.clock,
        Entropy(lambda: 0.0, lambda: f"unique-{next(numbers)}", bytes),
    )


def mint(
    clock: SettableClock, key: SigningKey = KEY, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """Sign an access token; None omits a claim."""
    now = int(clock.wall())
    usual = {
        "iss": ISSUER,
        "aud": API,
        "exp": now + 300,
        "iat": now,
        "sub": "user-1",
        "client_id": "client-1",
        "scope": "user:read",
        "jti": "j",
    }
    return write_jws(
        {name: value for name, value in {**usual, **claims}.items() if value is not None},
        header or {},
        key,
    )


def parsed(token: str) -> Jws:
    jws = parse_jws(token, frozenset(ALGORITHMS))
    assert isinstance(jws, Jws)
    return jws


def bearer(
    token: str | bytes | None = None, *, method: str = "GET", query: bytes = b"", **headers: str
) -> Request:
    """Return a request, with `Authorization: Bearer` if there is a token."""
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    if token is not None:
        lines.append(
            (b"authorization", b"Bearer " + (token if isinstance(token, bytes) else token.encode()))
        )
    return Request(method, "/v1/user/profile", query, lines)


def verify_jwt(jws: Jws, server: AuthorizationServer) -> Flow[CacheEntry | Problem | Unreachable]:
    """Verify a token whose `iss` names `server`, and fetch keys if that is needed."""
    begun = begin_jwt(jws, server)
    if isinstance(begun, KeysNeeded):
        return (yield from complete_jwt(jws, server, begun.tried))
    return begun

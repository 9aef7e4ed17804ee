"""A guard of the same settings as another one, whose effects a command performs and observes."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from os import urandom
from typing import Any, Final

from iiniit_guard.core.issuer.signed_introspection import MEMBER
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.clock import Clock
from iiniit_guard.core.model.flow import (
    Call,
    Effect,
    Fetch,
    Flow,
    HttpResponse,
    Shield,
    Spawn,
    Unreachable,
)
from iiniit_guard.core.resource import Entropy, ProtectedResource
from iiniit_guard.core.settings.guard_settings import GuardSettings
from iiniit_guard.io.effects import EffectRunner, Transport, run
from iiniit_guard.providers.mistakes import read_unverified

NO_CALL: Final = "no call was made"


@dataclass
class Observer:
    """Performs the effects of flows, and stores which calls they make.

    Attributes:
        runner: Performs what is allowed.
        may_call: Whether the network, and functions in the setting `introspection`, are called.
        calls: The calls, in order: the method and the URL, and the reply or None.
        introspected: The last introspection response; None before the first.
    """

    runner: EffectRunner
    may_call: bool
    calls: list[tuple[str, str, object]] = field(default_factory=list)
    introspected: Mapping[str, Any] | None = None

    def perform(self, effect: Effect) -> object:
        """Return the reply to `effect`."""
        if isinstance(effect, Fetch):
            return self._fetch(effect)
        if isinstance(effect, Call) and effect.timeout_seconds is not None:
            return self._introspect_by_function(effect)
        if isinstance(effect, Shield):
            return run(effect.start(), self.perform)
        if isinstance(effect, Spawn):
            return None  # what this command shows does not depend on background work
        return self.runner.perform(effect)

    def _fetch(self, effect: Fetch) -> object:
        request = effect.request
        reply: object = (
            self.runner.perform(effect)
            if self.may_call
            else Unreachable("connection", NO_CALL).about(url=request.url)
        )
        self.calls.append((request.method, request.url, reply))
        # Of all calls of the guard, only introspection is a POST.
        if request.method == "POST" and isinstance(reply, HttpResponse) and reply.status == 200:
            self.introspected = _members_of(reply.body)
        return reply

    def _introspect_by_function(self, effect: Call) -> object:
        if not self.may_call:
            return Unreachable("connection", NO_CALL)
        reply = self.runner.perform(effect)
        self.introspected = reply if isinstance(reply, Mapping) else None
        return reply

    def run(self, flow: Flow[Any]) -> Any:
        """Run a flow of the core to its end."""
        return run(flow, self.perform)


def observed(
    settings: GuardSettings,
    *,
    may_call: bool,
    transport: Transport | None = None,
    jwks_file: str | None = None,
    wall: Callable[[], float] = time.time,
) -> tuple[ProtectedResource, Observer]:
    """Return a protected resource with empty caches, and the observer of its effects.

    Args:
        settings: The settings of a guard. The event listener and the shared store are not used.
        may_call: As in `Observer`.
        transport: Called instead of the network, also if `may_call` is False.
        jwks_file: A file whose keys replace those of every issuer; None to replace none.
        wall: The wall clock.
    """
    alone = replace(settings, on_event=None, store_url=None, store_secret=None)
    if jwks_file is not None and isinstance(alone.issuers, tuple):
        issuers = tuple(_with_keys(issuer, jwks_file) for issuer in alone.issuers)
        alone = replace(alone, issuers=issuers)
    clock = Clock(wall, time.monotonic)
    chance = Entropy(random.random, lambda: uuid.uuid4().hex, urandom)
    resource = ProtectedResource(alone, clock, chance)
    runner = EffectRunner(transport)
    return resource, Observer(runner, may_call or transport is not None)


def _members_of(body: bytes) -> Mapping[str, Any] | None:
    """Return the members of an introspection response, unverified, also of a signed one."""
    _, claims = read_unverified(body.decode("latin-1").strip())
    signed = (claims or {}).get(MEMBER)
    return signed if isinstance(signed, dict) else parse_object(body)


def _with_keys(issuer: TrustedIssuer, file: str) -> TrustedIssuer:
    return replace(issuer, jwks_file=file, jwks_uri=None)

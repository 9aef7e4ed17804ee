"""Call a guard from threads and from an event loop, and compare the answers."""

from __future__ import annotations

import asyncio
from typing import Protocol

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Decision
from iiniit_guard.core.model.request import Request
from iiniit_guard.guard import Guard


def request_with(token: str) -> Request:
    """Return the request with `token`."""
    return Request("GET", "/me", b"", [(b"authorization", b"Bearer " + token.encode())])


class World(Protocol):
    """A way to call a guard."""

    def decide(self, guard: Guard, token: str) -> Decision:
        """Authenticate a request."""
        ...

    def verify(self, guard: Guard, token: str) -> AccessToken:
        """Verify a token."""
        ...

    def close(self) -> None:
        """Release the resources."""
        ...


class Threads:
    """Calls in this thread."""

    def decide(self, guard: Guard, token: str) -> Decision:
        return guard.authenticate(request_with(token))

    def verify(self, guard: Guard, token: str) -> AccessToken:
        return guard.verify(token)

    def close(self) -> None:
        pass


class Loop:
    """Calls on one event loop that runs as long as the test."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def decide(self, guard: Guard, token: str) -> Decision:
        return self._runner.run(guard.authenticate_async(request_with(token)))

    def verify(self, guard: Guard, token: str) -> AccessToken:
        return self._runner.run(guard.verify_async(token))

    def close(self) -> None:
        self._runner.close()

"""A running gateway: issuer, guard, gateway and API on loopback, the guard and the gateway in their
own processes.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from iiniit_guard.testing.keys import make_key
from tests.integration.faults.real_issuer import MachineTime, RealIssuer
from tests.integration.gateways.client import Answered, Fields, request_bytes, send
from tests.integration.gateways.recipes import (
    ADMIN_PORT,
    API_PORT,
    EXAMPLES,
    GATEWAY_PORT,
    GUARD_COMMAND,
    GUARD_PORT,
    PUBLIC_PORT,
    Recipe,
    with_ports,
)
from tests.integration.gateways.upstream import Arrived, Upstream

AUDIENCE: Final = "https://api.example"
_START_SECONDS: Final = 30.0
RULE_FOR_ANY_METHOD: Final = """
[[rules]]
method = "*"
path = "/v1/any"
public = true
"""
"""Added to each recipe's rules: here the guard lets everything pass, so that only the recipe stands
in the way.
"""


def _free_ports(names: list[str]) -> dict[str, int]:
    """Choose ports below those that the kernel gives to clients, so that no connection of these
    tests takes one meanwhile.
    """
    with contextlib.ExitStack() as stack:
        chosen: dict[str, int] = {}
        while len(chosen) < len(names):
            port = secrets.choice(range(20_000, 32_000))
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                chosen[names[len(chosen)]] = port
        return chosen


class Process:
    """A server that can be stopped, frozen and started again; what it prints goes to a file."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        self._command = command
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self) -> None:
        """Stop the process, frozen or not."""
        if self._running is not None:
            self._running.terminate()
            self._running.send_signal(signal.SIGCONT)
            try:
                self._running.wait(10)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
            self._running = None

    def check(self) -> None:
        """Raise an exception if the process has exited by itself."""
        if self._running is None or self._running.poll() is not None:
            raise RuntimeError(f"{self._command[0]} ended at once:\n{self.log.read_text()}")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the process: the kernel accepts connections, and no response comes back."""
        if self._running is None:
            raise RuntimeError("it does not run")
        self._running.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._running.send_signal(signal.SIGCONT)


# Only requests with a DPoP proof depend on these.
_NONCES: Final = (
    f'dpop_nonce = "required"\ndpop_nonce_secret = "{"n" * 32}"\ndpop_nonce_seconds = 2\n'
)


class World:
    """All processes of one gateway.

    Attributes:
        tokens: By the names that the rows use.
        upstream: The API.
        issuer: The authorization server.
        guard: The guard's process.
    """

    def __init__(self, recipe: Recipe, directory: Path) -> None:
        self.recipe = recipe
        self.directory = directory
        self.upstream = Upstream()
        self.issuer = RealIssuer(clock=MachineTime())
        self.issuer.issuer.audience = AUDIENCE
        made = _free_ports([GATEWAY_PORT, GUARD_PORT, PUBLIC_PORT, ADMIN_PORT])
        self.ports = {**made, API_PORT: self.upstream.port}
        recipe.write(directory, self.ports)
        self._write_guard_settings()
        self.guard = Process(
            [*GUARD_COMMAND, str(directory / "guard.toml")], directory / "guard.out"
        )
        self.gateway = Process(recipe.command(directory), directory / "gateway.out")
        self.tokens = self._tokens()

    def __enter__(self) -> Self:
        self._start(until_it_answers=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.gateway.stop()
        self.guard.stop()
        self.upstream.server.stop()
        self.issuer.server.stop()

    @contextlib.contextmanager
    def running(self, *, until_it_answers: bool) -> Iterator[None]:
        """Run all processes, also if no request will pass."""
        self._start(until_it_answers=until_it_answers)
        try:
            yield
        finally:
            self.__exit__(None, None, None)

    def wait_until_it_answers(self) -> None:
        """Wait until a public path is open: Traefik listens before it has read its routes."""
        self._wait(GATEWAY_PORT, self.gateway)
        until = time.monotonic() + _START_SECONDS
        while self.ask("GET", "/healthz")[0].status != 200:
            if time.monotonic() > until:
                raise RuntimeError(f"the gateway does not answer:\n{self.gateway.log.read_text()}")
            time.sleep(0.05)

    def start_guard(self) -> None:
        """Start the guard and wait until it has keys."""
        self.guard.start()
        self._wait(GUARD_PORT, self.guard)
        opened = build_opener(ProxyHandler({}))
        until = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(URLError):
                opened.open(f"http://127.0.0.1:{self.ports[GUARD_PORT]}/readyz", timeout=5).close()
                return
            if time.monotonic() > until:
                raise RuntimeError(f"the guard is not ready:\n{self.guard.log.read_text()}")
            time.sleep(0.05)

    def ask(
        self, method: str, target: str, headers: Fields = (), body: bytes = b""
    ) -> tuple[Answered, list[Arrived]]:
        """Send one request; the words of `tokens` in braces stand for tokens.

        Returns:
            The response to the client, and the requests that arrived at the API.
        """
        return self.ask_bytes(
            request_bytes(
                method,
                self.fill(target),
                [(name, self.fill(value)) for name, value in headers],
                body,
            )
        )

    def ask_bytes(self, sent: bytes) -> tuple[Answered, list[Arrived]]:
        """Send these bytes."""
        self.upstream.forget()
        answered = send(self.ports[GATEWAY_PORT], sent)
        return answered, list(self.upstream.arrived)

    def fill(self, text: str) -> str:
        """Replace the names of tokens by the tokens."""
        for name, token in self.tokens.items():
            text = text.replace(f"{{{name}}}", token)
        return text

    def logs(self) -> Iterator[tuple[Path, bytes]]:
        """Return everything that the gateway and the guard have written, the caches of gateways
        included.
        """
        for file in sorted(self.directory.rglob("*")):
            if file.is_file():
                yield file, file.read_bytes()

    def _start(self, *, until_it_answers: bool) -> None:
        with contextlib.ExitStack() as undo:
            undo.push(self.__exit__)  # stop the started processes if the others do not start
            self.start_guard()
            self.gateway.start()
            self._wait(GATEWAY_PORT, self.gateway)
            if until_it_answers:
                self.wait_until_it_answers()
            undo.pop_all()

    def _tokens(self) -> dict[str, str]:
        issuer = self.issuer.issuer
        return {
            "good": issuer.token("user:read"),
            "opaque": issuer.opaque_token("user:read"),
            "writer": issuer.token("user:write", subject="writer-1"),
            "other": issuer.token("something:else"),
            "expired": issuer.token(expires_in=-60),
            "foreign": issuer.token(aud="https://elsewhere.example"),
            "forged": issuer.token("user:read", sign_with=make_key("ES256", "a stranger")),
            "big": issuer.token("user:read", padding="x" * 9000),
        }

    def _write_guard_settings(self) -> None:
        secret = self.directory / "introspection-secret"
        check = self.issuer.issuer.client_check
        check.client_id = "gateway"
        secret.write_text(check.client_secret)
        text = with_ports((EXAMPLES / self.recipe.folder / "guard.toml").read_text(), self.ports)
        text = text.replace("https://auth.example", self.issuer.url).replace(
            "/etc/iiniit-guard/introspection-secret", str(secret)
        )
        text = text.replace(
            "auth_max_age_seconds = 10", "auth_max_age_seconds = 5"
        )  # tests do not wait for ten
        (self.directory / "guard.toml").write_text(_NONCES + text + RULE_FOR_ANY_METHOD)

    def _wait(self, port: str, process: Process) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            process.check()
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.ports[port]), timeout=1),
            ):
                return
            if time.monotonic() > until:
                raise RuntimeError(f"nothing listens at {port}:\n{process.log.read_text()}")
            time.sleep(0.05)

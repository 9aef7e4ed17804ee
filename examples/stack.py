"""The processes of the demo: their settings, start and stop.

`examples.demo` and the browser tests use this module.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from examples.gateway_site import prepare_site
from examples.plan import FRAMEWORKS, Plan
from examples.ports import is_free
from examples.registrations import label_of, registrations
from examples.serve import HOST

__all__ = ["FRAMEWORKS", "GATEWAY", "USERNAME", "Plan", "Stack", "StackError"]

ROOT = Path(__file__).resolve().parent.parent
USERNAME = "demo"
GATEWAY = "gateway"


class StackError(Exception):
    """The demo cannot run. The message is for the user."""


def _private_directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="iiniit-demo-")  # only the owner has access


@dataclass(slots=True)
class Stack:
    """The running processes. The exit of the context ends them and removes their files."""

    plan: Plan
    password: str = field(default_factory=lambda: secrets.token_hex(4), repr=False)
    _directory: tempfile.TemporaryDirectory[str] = field(
        default_factory=_private_directory, repr=False
    )
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)
    _environments: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    gateway_obstacle: str = ""

    def __post_init__(self) -> None:
        """Generate all secrets and write the settings files."""
        secret = {
            name: secrets.token_urlsafe(32)
            for name in ("as_session", "client_session", "jwt", "opaque", "api", "nonces")
        }
        issuer, audience = self.url("authorization_server"), "https://api.iiniit.example"
        redirect_uri = self.url("client") + "/callback"
        clients = registrations(
            secret,
            redirect_uri,
            audience,
            [self.url(name) for name in self.plan.api_names()],
            self.url("browser") + "/" if "browser" in self.plan.ports else "",
        )
        server = {
            "issuer": issuer,
            "database": str(self.database),
            "session_secret": secret["as_session"],
            "audience": audience,
            "users": [
                {"user_id": f"usr_{USERNAME}", "username": USERNAME, "password": self.password}
            ],
            "clients": clients,
            "access_token_seconds": self.plan.access_token_seconds,
            "witness": True,
        }
        client: dict[str, Any] = {
            "issuer": issuer,
            "redirect_uri": redirect_uri,
            "session_secret": secret["client_session"],
            "registrations": {
                kind: {"client_id": f"profile-viewer-{kind}", "secret": secret[kind]}
                for kind in ("jwt", "opaque")
            },
            "apis": [
                {"name": name, "label": label_of(framework, jwt), "url": self.url(name), "jwt": jwt}
                for name, (framework, jwt) in self.plan.api_names().items()
            ],
            "token_kind": self.plan.token_kind,
            "revocation_delay_seconds": self.plan.revocation_delay_seconds,
            "expiry_leeway_seconds": self.plan.expiry_leeway_seconds,
            "short_life_seconds": self.plan.short_life_seconds,
        }
        guard = {
            "issuer": issuer,
            "audience": audience,
            "introspection_client_auth": "client_secret_basic",
            "introspection_client_id": "profile-api",
            "introspection_client_secret": secret["api"],
            "revocation_delay_seconds": self.plan.revocation_delay_seconds,
            "expiry_leeway_seconds": self.plan.expiry_leeway_seconds,
        }
        directory = self._directory.name
        self.gateway_obstacle = prepare_site(Path(directory), self.plan.gateway_port, guard)
        client["gateway"] = {
            "url": self.url(GATEWAY),
            "obstacle": self.gateway_obstacle,
            "directory": directory,
        }
        self._environments = {
            "authorization_server": {
                "DEMO_SETTINGS": self._write("authorization_server.json", server)
            },
            "client": {"DEMO_SETTINGS": self._write("client.json", client)},
        }
        self._environments["browser"] = {
            "IINIIT_GUARD_ISSUER": issuer,
            "IINIIT_GUARD_AUDIENCE": audience,
            "IINIIT_GUARD_DPOP_NONCE": "required",
            "IINIIT_GUARD_DPOP_NONCE_SECRET": secret["nonces"],
        }
        for name, (_, jwt) in self.plan.api_names().items():
            settings = {"jwt": jwt, **guard}
            self._environments[name] = {
                "DEMO_DECISIONS": "1",
                **{f"IINIIT_GUARD_{key.upper()}": str(value) for key, value in settings.items()},
            }

    @property
    def database(self) -> Path:
        """The path of the authorization server's database, for the command `rotate-keys`."""
        return Path(self._directory.name) / "authorization_server.sqlite3"

    def url(self, name: str) -> str:
        """Return the base URL of a process."""
        ports = {**self.plan.ports, GATEWAY: self.plan.gateway_port}
        return f"http://{HOST}:{ports[name]}"

    def start(self) -> None:
        """Start all processes, and return when all of them answer.

        Raises:
            StackError: A port is in use, or a process ended or did not answer in time. The started
                processes are ended.
        """
        taken = [
            f"{self.plan.ports[name]} ({name})"
            for name in self.plan.process_names()
            if not is_free(self.plan.ports[name])
        ]
        if taken:
            raise StackError(
                f"these ports are in use on {HOST}: {', '.join(taken)}. Choose others: make demo "
                "PORT=9100"
            )
        try:
            for name in self.plan.process_names():
                self.launch(name)
            if not self.gateway_obstacle:
                self._run(GATEWAY, ["examples.gateway_site", self._directory.name], {})
            for name in self.plan.process_names():
                self.wait_until_healthy(name)
            if not self.gateway_obstacle:
                self._start_gateway()
        except BaseException:
            self.stop()
            raise

    def launch(self, name: str) -> None:
        """Start one process without waiting until it answers."""
        framework, _ = self.plan.api_names().get(name, (name, ""))
        port = str(self.plan.ports[name])
        self._run(name, ["examples.serve", framework, port], self._environments[name])

    def _run(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("IINIIT_GUARD_", "DEMO_"))
        }
        self._processes[name] = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**inherited, **environment},
            stdin=subprocess.PIPE,
            # Ctrl-C reaches the whole process group. `stop` must end these processes, in order.
            start_new_session=True,
        )

    def wait_until_healthy(self, name: str, seconds: float = 30) -> None:
        """Wait until a process answers.

        Raises:
            StackError: The process ended, or did not answer in time.
        """
        opener, limit = build_opener(ProxyHandler({})), time.monotonic() + seconds
        while time.monotonic() < limit:
            if (status := self._processes[name].poll()) is not None:
                raise StackError(_ending(name, status))
            with (
                contextlib.suppress(URLError, OSError),
                opener.open(self.url(name) + "/healthz", timeout=2),
            ):
                return
            time.sleep(0.05)
        raise StackError(f"{name} does not answer on {self.url(name)}")

    def _start_gateway(self) -> None:
        try:  # the demo also runs without its gateway
            self.wait_until_healthy(GATEWAY, 15)
        except StackError:
            self.gateway_obstacle = "It did not start; its messages, if any, are above."
            self.end(GATEWAY)

    def end(self, *names: str) -> None:
        """End processes and wait until they have exited."""
        processes = [self._processes.pop(name) for name in names]
        for process in processes:
            process.terminate()
        limit = time.monotonic() + 5
        for process in processes:
            try:
                process.wait(max(0.1, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()

    def first_ending(self) -> str | None:
        """Return a message about a process that ended by itself, or None."""
        for name, process in self._processes.items():
            if (status := process.poll()) is not None:
                return _ending(name, status)
        return None

    def stop(self) -> None:
        """End all processes and remove the directory. Further calls have no effect."""
        self.end(*self._processes)
        self._directory.cleanup()

    def __enter__(self) -> Self:
        """Start all processes."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End all processes."""
        self.stop()

    def _write(self, name: str, values: dict[str, Any]) -> str:
        path = Path(self._directory.name) / name  # only the owner has access
        path.write_text(json.dumps(values), encoding="utf-8")
        return str(path)


def _ending(name: str, status: int) -> str:
    how = (
        f"with exit code {status}"
        if status >= 0
        else f"by signal {-status} ({signal.strsignal(-status)})"
    )
    return f"{name} ended {how}; its messages, if any, are above. The others are ended too."

"""The processes of the soak test: an authorization server that counts its requests, `iiniit-guard
serve`, and its memory.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from tests.integration.faults.real_issuer import MachineTime, RealIssuer
from tests.integration.sidecar.test_processes import free_port

ROOT: Final = Path(__file__).parents[3]
SECRET: Final = "a-secret-of-128-random-bits"
CALLER: Final = "Basic " + base64.b64encode(f"caller:{SECRET}".encode()).decode()
CACHED_TOKENS: Final = 4096
SETTINGS: Final = """\
gateway = "traefik"
issuer = "{issuer}"
audience = "{audience}"
max_cached_tokens = {cached}
introspection_client_auth = "client_secret_post"
introspection_client_id = "api"
introspection_client_secret = '{secret}'
insecure_http_hosts = ["127.0.0.1"]
{places}
[server]
bind = "127.0.0.1:{gateway}"
admin_bind = "127.0.0.1:{admin}"
log = "none"

[[rules]]
method = "GET"
path = "/v1/user/profile"
scope = "user:read"

[[introspection_clients]]
id = "caller"
secret_hash = "sha256:{hash}"
audiences = ["{audience}"]
"""


class Weight(NamedTuple):
    """The memory and the descriptors of the process at one moment."""

    at: float
    rss_mib: float
    descriptors: int
    threads: int


class CountingIssuer(RealIssuer):
    """An authorization server on loopback that notes when it was asked about each token.

    Attributes:
        calls: Token to the moments (monotonic) at which it was introspected with an answer.
    """

    def __init__(self) -> None:
        super().__init__(clock=MachineTime())
        self.calls: dict[str, list[float]] = {}
        self.issuer.cache_control = "max-age=300"

    def _answer(self, kind, url, received):
        if kind == "introspection":
            token = parse_qs(received.body.decode("ascii"))["token"][0]
            self.calls.setdefault(token, []).append(time.monotonic())
        del self.server.requests[:]  # they are counted, and not read again
        del self.issuer.requests[:]
        return super()._answer(kind, url, received)


class Served:
    """A running `iiniit-guard serve`."""

    def __init__(
        self, process: subprocess.Popen[bytes], gateway: int, admin: int, log: Path
    ) -> None:
        self.process = process
        self.gateway = gateway
        self.admin = admin
        self._log = log

    @property
    def log(self) -> str:
        """The output of the process."""
        return self._log.read_text()

    def weigh(self) -> Weight:
        """Measure the process."""
        place = Path(f"/proc/{self.process.pid}")
        status = dict(
            line.split(":", 1)
            for line in (place / "status").read_text().splitlines()
            if ":" in line
        )
        descriptors = sum(1 for _ in (place / "fd").iterdir())
        return Weight(
            time.monotonic(),
            int(status["VmRSS"].split()[0]) / 1024,
            descriptors,
            int(status["Threads"]),
        )

    def cpu_seconds(self) -> float:
        """The CPU time so far."""
        return cpu_seconds(self.process.pid)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)


@contextmanager
def served(
    folder: Path,
    issuer: str,
    audience: str,
    secret: str,
    *,
    places: str = "",
    cached: int = CACHED_TOKENS,
) -> Iterator[Served]:
    """Run the gateway's guard until the block ends, and check that it exits with 0.

    Args:
        folder: For its settings and its log.
        issuer: The trusted issuer.
        audience: Of the tokens.
        secret: For introspection.
        places: Further lines for guard.toml, endpoints for example.
        cached: `max_cached_tokens`.
    """
    gateway, admin = free_port(), free_port()
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    values = {
        "gateway": gateway,
        "admin": admin,
        "hash": digest,
        "places": places,
        "cached": cached,
    }
    (folder / "guard.toml").write_text(
        SETTINGS.format(issuer=issuer, audience=audience, secret=secret, **values)
    )
    log = folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "iiniit_guard.cli",
                "serve",
                "--config",
                str(folder / "guard.toml"),
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=written,
            stderr=written,
        )
    try:
        yield Served(process, gateway, admin, log)
        process.terminate()
        if process.wait(60) != 0:
            raise RuntimeError(f"it ended with {process.returncode}: {log.read_text()}")
    finally:
        process.kill()
        process.wait()

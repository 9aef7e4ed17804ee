"""One authorization server and three guarded APIs for all tests of this directory."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.integration.faults.serving import serving
from tests.integration.interop import python_client
from tests.integration.interop.gateway import Site
from tests.integration.interop.node import (
    AUDIENCE,
    GUARD,
    SECRET,
    NodeClient,
    Report,
    Server,
    authorization_server,
)
from tests.integration.servers.certificates import Authority

Client = Callable[[dict[str, Any]], Report]

COMMANDS = {
    "uvicorn": (
        *("uvicorn", "--log-level", "warning", "--port", "{port}", "--factory"),
        "examples.profile_api.starlette_app:create_app",
    ),
    "gunicorn": (
        *("gunicorn", "--threads", "4", "--bind", "127.0.0.1:{port}"),
        "examples.profile_api.flask_app:create_app()",
    ),
}
HOSTS = (*COMMANDS, "nginx")
PROFILE = "/v1/user/profile"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that issues the certificates of servers and clients."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    """The running oidc-provider."""
    log = tmp_path_factory.mktemp("interop") / "oidc-provider.log"
    with authorization_server(log, authority.issue("127.0.0.1")) as running:
        yield running


@pytest.fixture(scope="session")
def issuer(server: Server) -> str:
    """The issuer identifier of oidc-provider."""
    return server.issuer


@pytest.fixture(scope="session")
def apis(issuer: str) -> Iterator[dict[str, str]]:
    """By host, the URL of the profile API. All demand nonces."""
    environment = {
        "IINIIT_GUARD_ISSUER": issuer,
        "IINIIT_GUARD_AUDIENCE": AUDIENCE,
        "IINIIT_GUARD_INTROSPECTION_CLIENT_AUTH": "client_secret_basic",
        "IINIIT_GUARD_INTROSPECTION_CLIENT_ID": GUARD,
        "IINIIT_GUARD_INTROSPECTION_CLIENT_SECRET": SECRET,
        "IINIIT_GUARD_DPOP_NONCE": "required",
        "IINIIT_GUARD_DPOP_NONCE_SECRET": "n" * 32,
    }
    with contextlib.ExitStack() as stack:
        urls = {}
        for name, command in COMMANDS.items():
            running = stack.enter_context(serving(command, environment))
            urls[name] = f"http://127.0.0.1:{running.port}{PROFILE}"
        directory = Path(
            stack.enter_context(TemporaryDirectory(prefix="interop-", ignore_cleanup_errors=True))
        )
        directory.chmod(0o755)  # nginx, which root starts, works as www-data
        site = stack.enter_context(Site(issuer, directory))
        yield {**urls, "nginx": site.url + PROFILE}


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Client]]:
    """The clients by the name of their library."""
    logs = tmp_path_factory.mktemp("clients")
    with contextlib.ExitStack() as stack:
        yield {
            "requests_oauth2client": python_client.run,
            **{
                name: stack.enter_context(NodeClient(name, logs / name)).run
                for name in ("oauth4webapi", "openid")
            },
        }


@pytest.fixture
def run(issuer: str, apis: dict[str, str], clients: dict[str, Client]) -> Callable[..., Report]:
    """Return a function with which a client gets a token and calls the API."""

    def run_it(library: str, host: str, kind: str = "jwt", **changes: Any) -> Report:
        task = {
            "issuer": issuer,
            "client": kind,
            "secret": SECRET,
            "scope": "user:read",
            "bound": True,
            "algorithm": "ES256",
            "url": apis[host],
            **changes,
        }
        report = clients[library](task)
        assert report.failure is None
        return report

    return run_it

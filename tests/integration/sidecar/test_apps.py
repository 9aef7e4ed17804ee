"""The three listeners: their paths, their callers, and the data that they do not publish."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from iiniit_guard.sidecar import create_app
from iiniit_guard.sidecar.apps.build import FILE_VARIABLE, LISTENERS, make_app
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import drive
from tests.integration.sidecar.sites import ask, bearer, make_sidecar

LOCAL = [(b"host", b"localhost:9090")]
METADATA = "/.well-known/oauth-protected-resource"


@pytest.fixture
def issuer():
    return Issuer()


def get(sidecar, listener, path, headers=LOCAL, method="GET", **scope):
    return drive(make_app(sidecar, listener), method, path, headers, **scope)


@pytest.mark.parametrize("listener", LISTENERS)
def test_health_is_on_all(issuer, listener):
    sidecar = make_sidecar(issuer)
    before = get(sidecar, listener, "/readyz", [(b"host", b"10.1.2.3:9090")])

    assert get(sidecar, listener, "/healthz", [(b"host", b"10.1.2.3:9090")]).json == {"alive": True}
    assert (before.status, before.json["ready"], before.header("cache-control")) == (
        503,
        False,
        "no-store",
    )
    assert ("reasons" in get(sidecar, listener, "/readyz").json) == (listener != "public"), (
        "what fails where is nothing for strangers"
    )
    sidecar.missing = ()
    assert (get(sidecar, listener, "/readyz").status, get(sidecar, listener, "/readyz").json) == (
        200,
        {"ready": True},
    )


@pytest.mark.parametrize(
    "listener, stranger",
    [
        ("gateway", {"client": ("203.0.113.9", 1)}),
        ("admin", {"headers": [(b"host", b"evil.test")]}),
        ("admin", {"headers": []}),
    ],
)
def test_readyz_tells_strangers_no_reasons(issuer, listener, stranger):
    """A web page of another site, whose host name resolves to this machine, counts too."""
    answer = get(make_sidecar(issuer), listener, "/readyz", **stranger)

    assert (answer.status, answer.json) == (503, {"ready": False})


@pytest.mark.parametrize(
    "listener, path",
    [
        ("gateway", "/answer/"),
        ("gateway", "/introspect/"),
        ("gateway", "/readyz/"),
        ("public", "/jwks/"),
        ("admin", "/status.json/"),
    ],
)
def test_no_redirect_is_made_of_a_host(issuer, listener, path):
    answer = get(make_sidecar(issuer), listener, path)

    assert (answer.status, answer.header("location")) == (404, None)


@pytest.mark.parametrize(
    "listener, foreign",
    [
        ("gateway", ["/", "/metrics", "/status.json", "/jwks", METADATA]),
        ("public", ["/", "/metrics", "/status.json", "/auth", "/answer", "/introspect"]),
        ("admin", ["/auth", "/answer", "/introspect", "/jwks", METADATA]),
    ],
)
def test_each_serves_its_own_and_nothing_else(issuer, listener, foreign):
    sidecar = make_sidecar(issuer, resource="https://api.test")

    assert {path: get(sidecar, listener, path).status for path in foreign} == dict.fromkeys(
        foreign, 404
    )


def test_metadata_and_keys_are_public(issuer):
    sidecar = make_sidecar(issuer, resource="https://api.test")
    metadata = get(sidecar, "public", METADATA)

    assert (metadata.json["resource"], metadata.json["authorization_servers"]) == (
        "https://api.test",
        [issuer.issuer],
    )
    assert metadata.header("access-control-allow-origin") == "*"
    keys = get(sidecar, "public", "/jwks")
    assert (keys.json, keys.header("content-type")) == ({"keys": []}, "application/jwk-set+json")
    assert get(make_sidecar(issuer), "public", METADATA).status == 404


@pytest.mark.parametrize("path", ["/", "/metrics", "/status.json"])
def test_the_admin_listener_checks_host_and_only_reads(issuer, path):
    sidecar = make_sidecar(issuer, server={"admin_hosts": ["guard.internal"]})

    def status(*hosts, method="GET"):
        return get(sidecar, "admin", path, [(b"host", host) for host in hosts], method).status

    good = [
        b"localhost",
        b"localhost:9090",
        b"127.0.0.1:9090",
        b"[::1]:9090",
        b"[::1]",
        b"LOCALHOST",
        b"guard.internal:80",
    ]
    bad = [
        b"evil.test",
        b"evil.test:9090",
        b"localhost.evil.test",
        b"[::1",
        b"[::2]:9090",
        b"",
        b"guard.internal.evil.test",
    ]
    assert {host: status(host) for host in good} == dict.fromkeys(good, 200)
    assert {host: status(host) for host in bad} == dict.fromkeys(bad, 421)
    assert (status(), status(b"localhost", b"localhost")) == (421, 421)
    assert {
        status(b"localhost", method=method) for method in ("POST", "PUT", "DELETE", "PATCH")
    } == {405}


def test_the_numbers_hold_nothing_of_a_token(issuer):
    sidecar = make_sidecar(issuer, "traefik")
    token = issuer.token(subject="somebody")
    ask(sidecar, headers=bearer(token))
    ask(sidecar)
    everything = "".join(
        get(sidecar, "admin", path).body.decode() for path in ("/", "/status.json", "/metrics")
    )

    assert issuer.issuer in everything
    assert not [
        secret
        for secret in (token, "somebody", "client-1", issuer.client_check.client_secret)
        if secret in everything
    ]


def test_the_status_says_how_the_issuers_are(issuer):
    sidecar = make_sidecar(issuer, "traefik")
    ask(sidecar, headers=bearer(issuer.opaque_token()))
    ask(sidecar, headers=bearer(issuer.token()))
    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]

    assert said == {
        "issuer": issuer.issuer,
        "jwt": "verify",
        "introspects": True,
        "healthy": True,
        "keys": 1,
        "keys_age": 0.0,
        "calls": 1,
        "errors": {},
        "since": {},
    }
    issuer.clock.advance(30)
    issuer.fail("500", at="introspection")
    assert ask(sidecar, headers=bearer(issuer.opaque_token())).status == 503
    (said,) = get(sidecar, "admin", "/status.json").json["issuers"]
    assert (said["healthy"], said["errors"], said["keys_age"]) == (
        False,
        {"introspection": "introspection: status 500"},
        30,
    )


def test_an_issuer_without_keys_of_ours_is_described_too(issuer):
    sidecar = make_sidecar(
        issuer,
        jwt="introspect",
        more={"transport": None},
        introspection_client_auth="bearer",
        introspection_token="x",
    )
    (said,) = sidecar.snapshot()["issuers"]

    assert (said["healthy"], said["keys"], said["keys_age"]) == (True, None, None)


def test_metrics(issuer):
    sidecar = make_sidecar(issuer, "traefik")
    token = issuer.token()
    for _ in range(3):
        ask(sidecar, headers=bearer(token))
    ask(sidecar)
    answer = get(sidecar, "admin", "/metrics")
    text = answer.body.decode()

    assert (answer.header("content-type") or "").startswith("text/plain; version=")
    for line in (
        'iiniit_guard_decisions_total{cache="hit",decision="allow",reason=""} 2.0',
        'iiniit_guard_decisions_total{cache="none",decision="deny",reason="no_token"} 1.0',
        'iiniit_guard_decision_seconds_bucket{cache="hit",le="+Inf"} 2.0',
        'iiniit_guard_decision_seconds_count{cache="miss"} 1.0',
        f'iiniit_guard_introspection_calls_total{{issuer="{issuer.issuer}"}} 0.0',
        f'iiniit_guard_issuer_healthy{{issuer="{issuer.issuer}"}} 1.0',
        f'iiniit_guard_keys_age_seconds{{issuer="{issuer.issuer}"}} 0.0',
        "iiniit_guard_ready 0.0",
        "iiniit_guard_settings_good 1.0",
        "iiniit_guard_workers 1.0",
    ):
        assert line in text


def test_metrics_without_keys_say_no_age(issuer):
    assert "keys_age_seconds{" not in get(make_sidecar(issuer), "admin", "/metrics").body.decode()


def test_metrics_want_the_client_library(issuer, monkeypatch):
    monkeypatch.delitem(sys.modules, "iiniit_guard.sidecar.status.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    answer = get(make_sidecar(issuer), "admin", "/metrics")

    assert answer.status == 501
    assert answer.body.startswith(b"/metrics: ")
    assert answer.body.endswith(b"; pip install 'iiniit-guard[prometheus]'\n")


def write(path, **lines):
    path.write_text("".join(f'{name} = "{value}"\n' for name, value in lines.items()))
    return path


def lifespan(app, during=None):
    """Run an application's lifespan as a server does; return its messages."""

    async def run():
        messages = [{"type": "lifespan.startup"}]
        said, began, go_on = [], asyncio.Event(), asyncio.Event()

        async def receive():
            if messages:
                return messages.pop()
            await go_on.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message):
            said.append(message["type"])
            began.set()

        task = asyncio.create_task(app({"type": "lifespan"}, receive, send))
        await began.wait()
        if during is not None:
            await during()
        go_on.set()
        await task
        return said

    return asyncio.run(run())


def test_any_server_can_run_it(issuer, tmp_path, monkeypatch):
    file = write(
        tmp_path / "guard.toml", gateway="traefik", issuer=issuer.issuer, audience=issuer.audience
    )
    more = {"transport": issuer.handle, "clock": issuer.clock.clock}
    app: Any = create_app(file, more=more)

    async def until_ready():
        async with asyncio.timeout(10):
            while app.sidecar.unready:  # noqa: ASYNC110 - there is nothing to wait on
                await asyncio.sleep(0.01)

    assert lifespan(app, until_ready) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert issuer.requests == ["discovery", "jwks"]
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert drive(create_app(), "GET", "/auth", []).status == 400
    monkeypatch.delenv(FILE_VARIABLE)
    monkeypatch.chdir(tmp_path)
    assert drive(create_app(listener="admin"), "GET", "/", LOCAL).status == 200


def test_another_kind_of_connection_is_not_answered(issuer):
    with pytest.raises(AssertionError):  # Starlette's own
        drive(make_app(make_sidecar(issuer), "gateway"), "GET", "/auth", [], type="telegraph")

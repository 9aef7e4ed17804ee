"""What an operator of the sidecar sees: logs, readiness, status page, faults of settings."""

from __future__ import annotations

import asyncio
import json
import logging
import socket

import pytest

from iiniit_guard import ClientSecretPost, SecretFile, SettingsError
from iiniit_guard.sidecar.apps.build import make_app
from iiniit_guard.sidecar.server import start
from iiniit_guard.sidecar.settings.listeners import name_of, open_sockets
from iiniit_guard.sidecar.settings.sidecar_settings import settings_from_document
from iiniit_guard.sidecar.status.history import summary
from iiniit_guard.sidecar.status.page import render
from iiniit_guard.testing import Issuer
from tests.contract.hosts.calling import drive
from tests.integration.sidecar.in_process import ended, in_a_thread
from tests.integration.sidecar.processes import Site
from tests.integration.sidecar.sites import (
    CALLERS,
    GATEWAYS,
    RULES,
    ask,
    bearer,
    make_sidecar,
    question,
)
from tests.integration.sidecar.test_introspect import basic, post


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(autouse=True)
def all_levels(caplog):
    caplog.set_level(logging.INFO, "iiniit_guard")


def warnings(caplog) -> list[str]:
    found = [each.getMessage() for each in caplog.records if each.name == "iiniit_guard"]
    caplog.clear()
    return found


def started(sidecar) -> None:
    """Start the sidecar, wait for its first warm-up, and stop it."""

    async def run() -> None:
        before = sidecar.missing
        await sidecar.start()
        for _ in range(1_000):
            if sidecar.missing != before:
                break
            await asyncio.sleep(0.01)
        await sidecar.stop()

    asyncio.run(run())


def test_a_missing_secret_file_is_told_everywhere(issuer, tmp_path, caplog):
    file = tmp_path / "secret"
    sidecar = make_sidecar(
        issuer, more={"introspection": ClientSecretPost("api", SecretFile(str(file)))}
    )
    started(sidecar)

    (line,) = warnings(caplog)
    assert line.startswith("background failure - - host=- issuer=")
    assert str(file) in line
    ready = drive(make_app(sidecar, "admin"), "GET", "/readyz", [(b"host", b"localhost")])
    assert ready.status == 503
    assert ready.json["reasons"] == [f"{issuer.issuer}: FileNotFoundError: {file}"]
    page = render(sidecar.snapshot())
    assert "1 of 1 issuer failing" in page
    assert f"FileNotFoundError: {file}" in page

    file.write_text(issuer.client_check.client_secret)
    started(sidecar)
    assert sidecar.missing == ()
    assert "All is well" in render(sidecar.snapshot())


def test_an_unreachable_issuer_is_logged_at_the_first_attempt(issuer, caplog):
    issuer.fail("connection")
    started(make_sidecar(issuer))
    assert "connection refused" in warnings(caplog)[0].replace("connection was", "connection")


def test_a_refusal_has_one_line_and_a_wrong_setting_a_warning(issuer, caplog):
    sidecar = make_sidecar(issuer, rules=RULES)
    ask(sidecar)
    assert warnings(caplog) == []
    ask(sidecar, headers=bearer(issuer.token(aud="https://other.test")))
    decision = caplog.records[-1]
    assert decision.name == "iiniit_guard.decisions"
    assert decision.getMessage().endswith(
        'received="https://other.test" expected="https://api.test"'
    )
    (line,) = warnings(caplog)
    assert line.startswith('deny 401 wrong_audience GET "/v1/user/profile" host=sidecar ')


@pytest.mark.parametrize("sent", GATEWAYS)
@pytest.mark.parametrize("gateway", [name for name in GATEWAYS if name != "envoy"])
def test_the_wrong_gateway_is_told_which_field_is_missing(issuer, gateway, sent, caplog):
    sidecar = make_sidecar(issuer, gateway, rules=RULES)
    method, path, query, lines = question(sent, "GET", "/open")
    status = drive(make_app(sidecar, "gateway"), method, path, lines, query).status
    found = [line for line in warnings(caplog) if " unknown_original " in line]
    if status == 200:  # four gateways have the same fields
        assert found == []
        assert (gateway == "nginx") == (sent == "nginx")
        return
    (line,) = found
    prefix = "X-Original" if gateway == "nginx" else "X-Forwarded"
    assert f"gateway = '{gateway}': missing: {prefix}-Method, {prefix}-Uri" in line
    of = {"nginx": "; the fields are those of nginx", "envoy": '" check'}
    usual = "; the fields are those of traefik or caddy or apache or haproxy"
    assert of.get(sent, usual) in line


@pytest.mark.parametrize(
    "gateway, path, lines, fault",
    [
        ("nginx", "/auth", None, "sent more than once: X-Original-Uri"),
        (
            "nginx",
            "/auth",
            [
                (b"x-original-method", b"G T"),
                (b"x-original-uri", b"/"),
                (b"x-original-host", b"a"),
                (b"x-original-proto", b"https"),
            ],
            "malformed: one of Host, X-Original-",
        ),
        ("envoy", "/other", [(b"host", b"a")], "malformed: one of Host"),
        ("envoy", "/elsewhere", [(b"host", b"a")], "malformed: one of Host"),
        ("envoy", "/auth", [], "missing: Host"),
    ],
)
def test_other_faults_of_a_gateway(issuer, gateway, path, lines, fault):
    dialect = make_sidecar(issuer, gateway).current.authorizer._by.dialect
    if lines is None:
        lines = [*question(gateway, "GET", "/")[3], (b"x-original-uri", b"/canary")]
    told = dialect.find_fault({"headers": lines, "raw_path": path.encode(), "query_string": b""})
    if gateway == "envoy" and path != "/auth":
        fault = "the path does not begin with /auth"
    assert fault in told
    assert "canary" not in told


def test_an_untrusted_peer_is_named(issuer, caplog):
    sidecar = make_sidecar(issuer, server={"trusted_proxies": ["192.0.2.1"]})
    ask(sidecar, client=("198.51.100.7", 1))
    ask(sidecar, client=None)
    (line,) = [each for each in warnings(caplog) if "untrusted_peer" in each]
    assert 'detail="198.51.100.7 is not in server.trusted_proxies"' in line


class TestSavedCalls:
    @pytest.mark.parametrize(
        "jwt, opaque, log, saved",
        [
            ("verify", False, "refusals", 0),
            ("verify", True, "refusals", 2),
            ("introspect", False, "refusals", 2),
            ("both", False, "refusals", 2),
            ("verify", False, "all", 0),
            ("verify", True, "all", 2),
            ("both", False, "all", 2),
        ],
    )
    def test_only_tokens_that_need_a_call_save_one(self, issuer, jwt, opaque, log, saved):
        sidecar = make_sidecar(issuer, rules=RULES, server={"log": log}, more={"jwt": jwt})
        token = issuer.opaque_token() if opaque else issuer.token()
        for _ in range(3):
            assert ask(sidecar, headers=bearer(token)).status == 200
        told = summary(sidecar.snapshot()["total"])
        assert (told["hits"], told["calls_saved"]) == (2, saved)

    @pytest.mark.parametrize("opaque, saved", [(True, 1), (False, 0)])
    def test_the_endpoint_introspect(self, issuer, opaque, saved):
        sidecar = make_sidecar(issuer, introspection_clients=CALLERS)
        token = issuer.opaque_token() if opaque else issuer.token()
        for _ in range(2):
            assert post(sidecar, {"token": token}, basic()).json["active"] is True
        told = summary(sidecar.snapshot()["total"])
        assert (told["hits"], told["calls_saved"]) == (1, saved)


def test_all_is_not_well_beside_answers_of_503(issuer):
    sidecar = make_sidecar(issuer)
    ask(sidecar, headers=bearer(issuer.token()))
    issuer.fail("connection")
    ask(sidecar, headers=bearer(issuer.opaque_token()))
    issuer.fail(None)
    ask(sidecar, headers=bearer(issuer.opaque_token()))
    started(sidecar)
    page = render(sidecar.snapshot())
    assert "All is well" not in page
    assert "1 answered 503 in the last hour" in page
    issuer.clock.advance(3_700)
    assert "All is well" in render(sidecar.snapshot())


@pytest.mark.parametrize("name", ["bind", "public_bind", "admin_bind"])
@pytest.mark.parametrize("value", ["8080", ":8080", ["8080"]])
def test_a_port_alone_is_a_clear_fault(name, value):
    with pytest.raises(SettingsError) as refused:
        settings_from_document({"gateway": "nginx", "server": {name: value}})
    port = value if isinstance(value, str) else value[0]
    assert (
        f"server.{name}: {port!r} must be host:port; for this port on loopback write "
        "'127.0.0.1:8080'"
    ) in refused.value.faults


def test_a_wrong_string_has_the_fault_of_a_string():
    with pytest.raises(SettingsError) as refused:
        settings_from_document({"gateway": "nginx", "server": {"trusted_proxies": "10.0.0.0/33"}})
    assert any("10.0.0.0/33" in fault for fault in refused.value.faults)


def test_the_fault_of_an_address_names_its_setting():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=f"admin_bind: {place}: Address already in use"):
            open_sockets([place], "admin_bind")


@pytest.mark.xdist_group("processes")
@pytest.mark.usefixtures("hangups")
def test_the_start_logs_the_addresses(tmp_path, caplog):
    site = Site(tmp_path)
    outcome, thread = in_a_thread(site.wait_until_ready)
    start.serve(site.file, {"public_bind": ("127.0.0.1:0", "[::1]:0")})
    ended(outcome, thread)
    told = [record.getMessage() for record in caplog.records if "listening" in record.getMessage()]
    assert told[0].startswith("gateway: listening on unix:")
    (public,) = (line for line in told if line.startswith("public: "))
    assert "listening on 127.0.0.1:" in public
    assert ", [::1]:" in public
    assert ":0" not in public.replace("[::1]", "")


def test_the_name_of_a_socket(tmp_path):
    places = ["127.0.0.1:0", f"unix:{tmp_path / 'a'}"]
    opened = open_sockets(places)
    try:
        assert name_of(opened[0]) == f"127.0.0.1:{opened[0].getsockname()[1]}"
        assert name_of(opened[1]) == places[1]
    finally:
        for each in opened:
            each.close()


def test_snapshots_are_json(issuer):
    json.dumps(make_sidecar(issuer).snapshot())

"""`iiniit-guard doctor`: the store, certificates, and the command against real sockets."""

from __future__ import annotations

import json
import socket
import sys
from datetime import timedelta

import pytest

from iiniit_guard import TlsClient
from iiniit_guard.cli.doctor.store_checks import check_store
from iiniit_guard.cli.doctor.tls_checks import check_tls
from iiniit_guard.core.model.flow import Connection
from iiniit_guard.testing import IssuerServer
from tests.integration.servers.certificates import Authority
from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering
from tests.unit.cli.running import run
from tests.unit.io.test_store import FakeRedis

NOW = 1_800_000_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server():
    with IssuerServer() as server:
        yield server


class TestStore:
    def test_a_value_is_written_and_read(self):
        server = FakeRedis()
        try:
            assert check_store(server.url).level == "ok"
        finally:
            server.close()

    def test_a_store_that_is_down_is_found(self, caplog):
        finding = check_store("redis://:secret@127.0.0.1:1")

        assert finding.level == "fault"
        assert "secret" not in f"{finding}{caplog.text}"

    def test_a_missing_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "redis", None)

        assert "pip install 'iiniit-guard[redis]'" in check_store("redis://x").text

    def test_no_store_is_no_fault(self):
        assert check_store(None).level == "ok"


class TestTls:
    def levels(self, authority, certificate, now_days=0.0, **settings):
        from time import time

        with LoopbackServer(answering(Answer(200)), certificate) as server:
            url = f"https://127.0.0.1:{server.port}/x"
            connection = Connection(**{"ca_file": authority.ca_file, **settings})
            urls = {url: connection, f"{url}/y": connection, "http://127.0.0.1/": connection}
            return list(check_tls(urls, time() + now_days * 86_400))

    def test_a_certificate_that_ends_soon_is_a_warning(self, authority):
        soon = authority.issue("127.0.0.1", valid_for=timedelta(days=3))
        long = authority.issue("127.0.0.1", valid_for=timedelta(days=90))

        assert [each.level for each in self.levels(authority, soon)] == ["warning"]
        (finding,) = self.levels(authority, long)
        assert (finding.level, "signed by loopback root" in finding.text) == ("ok", True)

    def test_an_unknown_authority_is_a_fault(self, authority):
        certificate = authority.issue("127.0.0.1")
        (finding,) = self.levels(authority, certificate, ca_file=None)

        assert (finding.level, "unable to get local issuer" in finding.text) == ("fault", True)
        assert (finding.cure or "").startswith("ca_file")

    def test_what_cannot_be_reached_or_read_is_a_fault(self, authority, tmp_path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"https://127.0.0.1:{free.getsockname()[1]}"
        missing = str(tmp_path / "missing.pem")
        for connection in (Connection(), Connection(ca_file=missing)):
            (finding,) = check_tls({url: connection}, NOW)
            assert finding.level == "fault"

    def test_a_server_behind_a_proxy_is_unknown(self):
        connection = Connection(http_proxy="http://proxy.test")
        (finding,) = check_tls({"https://auth.example": connection}, NOW)

        assert finding.level == "unknown"


class TestCommand:
    @pytest.fixture
    def settings_file(self, tmp_path, server):
        from iiniit_guard.testing.page import settings_text

        file = tmp_path / "guard.toml"
        file.write_text(settings_text(server.issuer))
        return file

    def test_a_real_issuer_is_called(self, settings_file):
        result = run("doctor", "--settings", str(settings_file), "--json")

        found = json.loads(result.output)
        assert (result.exit_code, found["ok"]) == (0, True)
        levels = {each["area"]: each["level"] for each in found["findings"]}
        assert levels["introspection"] == levels["clock"] == levels["keys"] == "ok"

    def test_a_fault_ends_with_1_and_a_warning_only_if_strict(self, settings_file, monkeypatch):
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
        usual = run("doctor", "--settings", str(settings_file))
        strict = run("doctor", "--settings", str(settings_file), "--strict")

        assert (usual.exit_code, strict.exit_code) == (0, 1)
        assert "cure: name the addresses of the proxies" in usual.output

    def test_faults_of_the_settings_do_not_hide_those_of_the_url(self, tmp_path):
        file = tmp_path / "guard.toml"
        file.write_text("odd = 1\n")
        result = run("doctor", "--settings", str(file), "--url", "http://127.0.0.1:1/")

        assert result.exit_code == 1
        assert "odd: unknown setting" in result.output
        assert "ConnectionRefusedError" in result.output

    def test_no_secret_is_shown(self, settings_file, server):
        result = run("doctor", "--settings", str(settings_file), "--json")

        assert server.client_secret not in result.output

    def test_the_client_of_tls_is_named_by_its_method(self, tmp_path):
        from iiniit_guard.cli.explain.describe import client_of

        assert client_of(TlsClient("api", "c.pem", "k.pem")) == "api (TlsClient)"

"""The issuer on a socket: its endpoints, its page, its failures, and who may call it."""

from __future__ import annotations

import socket
import time

import httpx2
import pytest

from iiniit_guard import ClientSecretBasic, Guard
from iiniit_guard.testing import IssuerServer

AUDIENCE = "https://api.test"
# A client for each request would load the roots of the system each time.
HTTP = httpx2.Client(
    trust_env=False, verify=False, limits=httpx2.Limits(max_keepalive_connections=0)
)


@pytest.fixture
def server():
    with IssuerServer() as server:
        yield server


@pytest.fixture
def guard(server):
    secret = ClientSecretBasic("api", server.client_secret)
    with Guard(issuer=server.url, audience=AUDIENCE, introspection=secret) as guard:
        yield guard


def token_for(server, **form):
    reply = HTTP.post(f"{server.url}/token", data={"grant_type": "client_credentials", **form})
    assert reply.headers["cache-control"] == "no-store"
    return reply.json()["access_token"]


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_a_guard_accepts_its_tokens(server, guard, kind):
    token = guard.verify(token_for(server, kind=kind, scope="a b", subject="ada", expires_in="60"))

    assert (token.subject, token.scopes) == ("ada", {"a", "b"})
    assert token.expires_at == pytest.approx(time.time() + 60, abs=3)


@pytest.mark.parametrize(
    ("authorization", "form", "client"),
    [
        ("Basic YXBwOmFueQ==", {}, "app"),
        (None, {"client_id": "other"}, "other"),
        (None, {}, "client-1"),
        ("Bearer x", {}, "client-1"),
        ("Basic !", {}, "client-1"),
        ("Basic Og==", {}, "client-1"),
    ],
)
def test_any_client_gets_a_token(server, guard, authorization, form, client):
    headers = {} if authorization is None else {"Authorization": authorization}
    data = {"grant_type": "client_credentials", **form}
    reply = HTTP.post(f"{server.url}/token", data=data, headers=headers).json()

    token = guard.verify(reply["access_token"])
    assert (token.client_id, token.subject) == (client, client)
    assert (reply["token_type"], reply["expires_in"], "scope" in reply) == ("Bearer", 3600, False)


def test_several_audiences_are_a_list(server, guard):
    token = token_for(server, audience=f"https://other.test {AUDIENCE}")

    assert guard.verify(token).audience == ("https://other.test", AUDIENCE)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "expires_in": "soon"}, "invalid_request"),
        ({"grant_type": "client_credentials", "expires_in": "1e300"}, "invalid_request"),
        ({"grant_type": "client_credentials", "expires_in": "nan"}, "invalid_request"),
    ],
)
def test_an_invalid_request_for_a_token_is_refused(server, form, error):
    reply = HTTP.post(f"{server.url}/token", data=form)

    assert (reply.status_code, reply.json()["error"]) == (400, error)


def test_a_revoked_token_is_inactive(server, guard):
    token = token_for(server, kind="opaque")
    assert HTTP.post(f"{server.url}/revoke", data={"token": token}).status_code == 200

    with pytest.raises(Exception, match="not active"):
        guard.verify(token)


def test_the_page_issues_a_token(server, guard):
    form = {"scope": "x<y", "subject": "ada", "kind": "opaque", "expires_in": "1.5"}
    assert "Issue a token" in HTTP.get(f"{server.url}/").text
    page = HTTP.post(f"{server.url}/", data=form)
    token = page.text.partition("readonly>")[2].partition("<")[0]

    assert guard.verify(token).subject == "ada"
    assert 'value="x&lt;y"' in page.text
    assert "selected" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    fault = HTTP.post(f"{server.url}/", data={**form, "expires_in": "<b>"})
    assert "error: expires_in" in fault.text
    assert "<b>" not in fault.text


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1", "127.0.0.1:1", ""])
def test_a_request_to_another_name_is_refused(server, host):
    assert HTTP.get(f"{server.url}/jwks", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://[", ""])
def test_a_form_of_another_site_is_refused(server, origin):
    other = {"Origin": origin}
    own = {"Origin": server.url}
    form = {"grant_type": "client_credentials"}

    assert HTTP.post(f"{server.url}/token", data=form, headers=other).status_code == 403
    assert HTTP.post(f"{server.url}/token", data=form, headers=own).status_code == 200


def test_localhost_is_its_address_too(server):
    port = server.url.rpartition(":")[2]

    assert HTTP.get(f"{server.url}/jwks", headers={"Host": f"localhost:{port}"}).is_success


@pytest.mark.parametrize("length", ["70000", "x"])
def test_a_body_that_is_too_long_is_refused(server, length):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 5) as plain:
        plain.sendall(f"POST /token HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())

        assert plain.recv(1_000).startswith(b"HTTP/1.1 411 ")


def test_unknown_paths_are_not_found(server):
    assert HTTP.get(f"{server.url}/x").status_code == 404
    assert HTTP.post(f"{server.url}/x", data={}).status_code == 404


def test_an_outage_closes_the_connection(server, guard):
    with server.issuer.down(), pytest.raises(httpx2.RemoteProtocolError):
        HTTP.get(f"{server.url}/jwks")

    assert HTTP.get(f"{server.url}/jwks").is_success


def test_a_slow_answer_takes_time_and_moves_no_clock(server):
    before = server.issuer.clock.wall()
    started = time.monotonic()
    with server.issuer.slow(0.2):
        assert HTTP.get(f"{server.url}/jwks").is_success

    assert time.monotonic() - started >= 0.2
    assert server.issuer.clock.wall() - before < 5


def test_a_socket_sends_an_answer_however_late_it_is(server, monkeypatch):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    with server.issuer.slow(60):
        assert HTTP.get(f"{server.url}/jwks").is_success

    assert 60 in waited


def do(server, **form):
    return HTTP.post(f"{server.url}/control", data=form)


def test_failures_begin_and_end_at_the_control_endpoint(server, guard):
    first = guard.verify(token_for(server))
    assert do(server, action="rotate", keep_old="false").json() == {"done": "rotate"}
    assert [key["kid"] for key in HTTP.get(f"{server.url}/jwks").json()["keys"]] == ["es256-2"]
    assert do(server, action="skew", seconds="600").is_success
    assert server.issuer.now >= first.issued_at + 600
    assert do(server, action="down", at="jwks").is_success
    with pytest.raises(httpx2.RemoteProtocolError):
        HTTP.get(f"{server.url}/jwks")
    assert do(server, action="recover").is_success
    assert do(server, action="slow", seconds="0.2").is_success
    started = time.monotonic()
    assert HTTP.get(f"{server.url}/jwks").is_success
    assert time.monotonic() - started >= 0.2
    assert server.issuer.skew_seconds == 0


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"action": "explode"},
        {"action": "down", "at": "moon"},
        {"action": "slow", "seconds": "long"},
        {"action": "slow", "seconds": "inf"},
    ],
)
def test_an_unknown_failure_is_refused(server, form):
    assert do(server, **form).status_code == 400


def test_only_loopback_addresses_are_accepted():
    with pytest.raises(ValueError, match="is not a loopback address"):
        IssuerServer(host="192.0.2.1")


def test_it_listens_on_ipv6_too():
    with IssuerServer(host="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert HTTP.get(f"{server.url}/jwks").is_success


def test_a_server_that_was_not_started_is_closed():
    server = IssuerServer()
    server.close()

    with pytest.raises(httpx2.ConnectError):
        HTTP.get(f"{server.url}/jwks")

"""The display of a call on the demo's pages: the guard's checks, the clock, and line breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient
from werkzeug.test import Client

from examples import serve
from examples.client_app.checks import Decided, decided
from examples.client_app.countdown import countdown
from examples.client_app.line_breaks import pieces
from examples.client_app.visit import Answer
from examples.decisions import PATH, Decisions
from examples.profile_api.flask_app import create_app as flask_api
from examples.profile_api.starlette_app import create_app as starlette_api
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.testing import Issuer

PROFILE = "/v1/user/profile"
BASE = "http://127.0.0.1:9002"
Ask = Callable[..., tuple[int, Any]]


class Api:
    """A profile API with the endpoint of the demo in front of it, called from `peer`."""

    def __init__(self, server: str, peer: str = "127.0.0.1") -> None:
        self.issuer = Issuer()
        decisions = Decisions()
        # As in a process of the demo, but with the transport of the test issuer.
        guard = self.issuer.guard(**decisions.listeners())
        if server == "wsgi":
            wsgi = Client(decisions.beside_wsgi(flask_api(guard)))
            self.get: Ask = lambda path, host="127.0.0.1:9002", **fields: _of_wsgi(
                wsgi, path, host, peer, fields
            )
        else:
            asgi = TestClient(
                decisions.beside_asgi(starlette_api(guard)), BASE, client=(peer, 50000)
            )
            self.get = lambda path, host="127.0.0.1:9002", **fields: _of_asgi(
                asgi, path, host, fields
            )

    def decision(self, token: str, *, asks: bool = False) -> Decided:
        """Call the API with a token, and return the decision on the page."""
        self.get(PROFILE, Authorization=f"Bearer {token}")
        digest = digest_of(token).hex()[:16]
        status, events = self.get(f"{PATH}?token_digest={digest}")
        assert status == 200
        assert token not in json.dumps(events)
        return decided(events[-1], asks=asks)


def _of_wsgi(
    client: Client, path: str, host: str, peer: str, fields: dict[str, str]
) -> tuple[int, Any]:
    headers = {"Host": host, **fields}
    answer = client.get(path, headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    return answer.status_code, json.loads(answer.data)


def _of_asgi(client: TestClient, path: str, host: str, fields: dict[str, str]) -> tuple[int, Any]:
    answer = client.get(path, headers={"Host": host, **fields})
    return answer.status_code, answer.json()


@pytest.fixture(params=["wsgi", "asgi"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def results(about: Decided) -> list[str]:
    return [result for _, result in about.checks]


def test_checks_of_a_new_a_known_and_a_refused_token(server: str) -> None:
    api = Api(server)
    token = api.issuer.token("user:read")
    new, known = api.decision(token), api.decision(token)
    assert (new.decision, new.cache, set(results(new))) == ("allow", "miss", {"passed"})
    assert (known.decision, known.cache, known.calls) == ("allow", "hit", ())
    assert results(known) == ["passed", *["cached"] * (len(known.checks) - 2), "passed"]
    assert float(known.microseconds.replace(",", "")) > 0
    assert '"subject": "user-1"' in known.event


def test_calls_of_an_introspected_token(server: str) -> None:
    api = Api(server)
    token = api.issuer.opaque_token("user:read")
    new, known = api.decision(token, asks=True), api.decision(token, asks=True)
    assert "/introspect for what the token means: 200, " in new.calls[-1]
    assert (results(new)[1], known.calls, results(known)[1]) == ("passed", (), "cached")
    api.issuer.fail("connection")
    outage = api.decision(api.issuer.opaque_token("user:read"), asks=True)
    assert (outage.decision, results(outage)[:3]) == (
        "unavailable",
        ["passed", "unavailable", "not reached"],
    )


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 1}, "expired"),
        ({"aud": "https://other.example"}, "audience"),
        ({"iss": "https://other.example"}, "trusted authorization server"),
        ({"scope": "user:write"}, "scopes include"),
        ({"cnf": {"jkt": "x"}}, "no key binds it"),
    ],
)
def test_the_check_that_refused_is_the_last_one(claims: dict[str, Any], words: str) -> None:
    api = Api("wsgi")
    about = api.decision(api.issuer.token(**{"scope": "user:read", **claims}))
    place = results(about).index("refused")
    assert (about.decision, words in about.checks[place][0]) == ("deny", True)
    assert set(results(about)[:place]) == {"passed"}
    assert set(results(about)[place + 1 :]) <= {"not reached"}


def test_a_reason_that_the_page_does_not_know() -> None:
    odd = decided(
        {"decision": "deny", "reason": "new_reason", "cache": "none", "seconds": 0.1}, asks=False
    )
    assert odd.checks == (("A check that this page does not list: new_reason", "refused"),)


def test_decisions_are_for_this_machine_only(server: str) -> None:
    near, far = Api(server), Api(server, "192.0.2.1")
    assert near.get(PATH) == (200, [])
    assert far.get(PATH) == (403, {})
    for host in ("attacker.example:9002", "attacker.example", "127.0.0.1.attacker.example:80"):
        assert near.get(PATH, host=host) == (403, {})
    assert near.get(PROFILE)[0] == 401  # the API itself is guarded as before


def test_without_the_setting_an_api_has_no_such_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IINIIT_GUARD_ISSUER", "http://127.0.0.1:9001")
    monkeypatch.setenv("IINIIT_GUARD_AUDIENCE", "https://api.iiniit.example")
    monkeypatch.delenv("DEMO_DECISIONS", raising=False)
    near = {"base_url": BASE, "environ_overrides": {"REMOTE_ADDR": "127.0.0.1"}}
    assert Client(serve.flask_api()).get(PATH, **near).status_code == 401
    monkeypatch.setenv("DEMO_DECISIONS", "1")
    assert Client(serve.flask_api()).get(PATH, **near).status_code == 200


@pytest.mark.parametrize("left", [299.37, 61.0, 60.5, 59.999, 10.2, 9.75, 1.0, 0.4, 0.0, -3.0])
def test_the_clock_shows_the_time_that_is_left(left: float) -> None:
    clock = countdown(left)
    moments = [moment for moment in (0.0, 0.2, 1.3, 9.9, 59.95, 60.2) if moment < left]
    for moment in moments:
        shown = []
        for strip in clock.strips:
            each = strip.seconds / len(strip.numbers)
            at = (moment + float(strip.begun)) % strip.seconds
            shown.append(str(strip.numbers[int(at / each)]))
        rest = -int(-(left - moment) // 1)
        assert shown == [str(rest // 60), *f"{rest % 60:02}"], moment
    assert float(clock.ends) == pytest.approx(max(0, left), abs=0.01)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("https://a.example/v1/user", ["https:/", "/", "a.example/", "v1/", "user"]),
        ('Bearer error="x", scope="y"', ["Bearer error=", '"x", scope=', '"y"']),
        ("2024-03-18T09:12:44Z", ["2024-03-18T09:12:44Z"]),
        ("", [""]),
    ],
)
def test_where_lines_may_break(text: str, parts: list[str]) -> None:
    assert pieces(text) == parts


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Demo Account", "DA"), ("ada maria lovelace", "AL"), ("Zoë", "Z"), (" ", "")],
)
def test_initials(name: str, initials: str) -> None:
    assert Answer("done", "", "", profile={"name": name}).initials == initials

"""Ten mistakes of a first deployment: each writes the line that `troubleshoot.md` shows."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from iiniit_guard import ClientSecretBasic, Guard, Request
from iiniit_guard.core.model.flow import HttpRequest, HttpResponse
from iiniit_guard.testing import Issuer
from tests.integration.servers.certificates import Authority
from tests.integration.servers.loopback import Answer, LoopbackServer, Received
from tests.integration.servers.scripts import answering

PAGE = Path(__file__).parents[3] / "docs/how-to/troubleshoot.md"
API = "https://orders.example"
AUTH = "https://auth.example"


class Site:
    """An issuer on loopback. `issuer` answers, unless `answers` has an answer for the path."""

    def __init__(self) -> None:
        self.issuer = Issuer("https://not-set.example", API)
        self.answers: dict[str, Answer] = {}

    def answer(self, received: Received) -> Answer:
        for path, answer in self.answers.items():
            if received.target.startswith(path):
                return answer
        url = self.issuer.issuer + received.target
        method: Any = received.method
        asked = HttpRequest(method, url, received.headers, received.body)
        reply = self.issuer.handle(asked)
        assert isinstance(reply, HttpResponse)
        return Answer(reply.status, reply.body, reply.headers)


@contextmanager
def served(**settings: Any) -> Iterator[tuple[Site, LoopbackServer]]:
    site = Site()
    with LoopbackServer(answering(site.answer), **settings) as server:
        site.issuer = Issuer(server.url, API)
        yield site, server


def line_of(guard: Guard, token: str, server: LoopbackServer | None, caplog) -> str:
    """Return the only warning that a request causes, as the page shows it."""
    header = (b"authorization", b"Bearer " + token.encode())
    with guard, caplog.at_level(logging.INFO, "iiniit_guard"):
        guard.authenticate(Request("GET", "/orders", b"page=2", [header]), host="flask")
    (record,) = (each for each in caplog.records if each.name == "iiniit_guard")
    assert record.levelno == logging.WARNING
    line: str = record.getMessage()
    assert token not in line
    assert "page=2" not in line
    if server is None:
        return line
    return line.replace(server.url, AUTH).replace(f"127.0.0.1:{server.port}", "auth.example:443")


def wrong_issuer(tmp_path, caplog) -> str:
    with served() as (_, server):
        guard = Guard(issuer=f"{server.url}/realms/main", audience=API)
        other = Issuer(f"{server.url}/realms/test", API)
        return line_of(guard, other.token(), server, caplog)


def trailing_slash(tmp_path, caplog) -> str:
    with served() as (site, server):
        guard = Guard(issuer=f"{server.url}/", audience=API)
        return line_of(guard, site.issuer.token(), server, caplog)


def wrong_audience(tmp_path, caplog) -> str:
    with served() as (site, server):
        guard = Guard(issuer=server.url, audience=f"{API}/")
        return line_of(guard, site.issuer.token(), server, caplog)


def jwks_not_found(tmp_path, caplog) -> str:
    with served() as (site, server):
        site.answers["/keys"] = Answer(404)
        guard = Guard(issuer=server.url, audience=API, jwks_uri=f"{server.url}/keys")
        return line_of(guard, site.issuer.token(), server, caplog)


def unknown_authority(tmp_path, caplog) -> str:
    authority, other = Authority(tmp_path, "issuer"), Authority(tmp_path, "other")
    with served(certificate=authority.issue("127.0.0.1")) as (site, server):
        guard = Guard(issuer=server.url, audience=API, ca_file=other.ca_file)
        return line_of(guard, site.issuer.token(), server, caplog)


def wrong_clock(tmp_path, caplog) -> str:
    with served() as (site, server):
        site.issuer = Issuer(server.url, API, skew_seconds=300)
        guard = Guard(issuer=server.url, audience=API)
        return line_of(guard, site.issuer.token(), server, caplog)


def wrong_secret(tmp_path, caplog) -> str:
    with served() as (site, server):
        wrong = ClientSecretBasic("api", "an old secret")
        guard = Guard(issuer=server.url, audience=API, introspection=wrong)
        return line_of(guard, site.issuer.opaque_token(), server, caplog)


def proxy_between(tmp_path, caplog) -> str:
    with served() as (site, server):
        html = (("Content-Type", "text/html"),)
        site.answers["/"] = Answer(200, b"<html>Please sign in to the network</html>", html)
        guard = Guard(issuer=server.url, audience=API)
        return line_of(guard, site.issuer.token(), server, caplog)


def other_metadata(tmp_path, caplog) -> str:
    with served() as (site, server):
        site.issuer.metadata["issuer"] = f"{server.url}/auth"
        guard = Guard(issuer=server.url, audience=API)
        return line_of(guard, site.issuer.token(), server, caplog)


def opaque_token(tmp_path, caplog) -> str:
    with served() as (site, server):
        guard = Guard(issuer=server.url, audience=API)
        return line_of(guard, site.issuer.opaque_token(), server, caplog)


MISTAKES: tuple[tuple[str, Callable[..., str]], ...] = (
    ("Wrong issuer", wrong_issuer),
    ("Trailing slash", trailing_slash),
    ("Wrong audience", wrong_audience),
    ("The key set is not found", jwks_not_found),
    ("TLS: unknown authority", unknown_authority),
    ("Wrong clock", wrong_clock),
    ("Wrong client secret", wrong_secret),
    ("A proxy answers in place of the issuer", proxy_between),
    ("Metadata of another issuer", other_metadata),
    ("An opaque token where a JWT is expected", opaque_token),
)


def lines_on_the_page() -> dict[str, str]:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        block = re.search(r"^```text\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        if block is not None:
            found[section.partition("\n")[0]] = " ".join(block[1].split())
    return found


@pytest.mark.parametrize("title, make", MISTAKES, ids=[title for title, _ in MISTAKES])
def test_the_line_of_a_mistake_is_on_the_page(title, make, tmp_path, caplog):
    line = make(tmp_path, caplog)
    assert line.isascii()
    assert line.isprintable()
    assert lines_on_the_page().get(title) == line


def test_the_page_shows_no_other_lines():
    assert list(lines_on_the_page()) == [title for title, _ in MISTAKES]

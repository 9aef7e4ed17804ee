"""The official MCP client, with a browser that signs in by itself and a record of what is sent."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

CLIENT_ID = "profile-assistant"
REDIRECT_URI = "http://127.0.0.1:9009/callback"

Record = Callable[[httpx2.Request, httpx2.Response], None]


class Memory:
    """The storage of a client that is registered in advance."""

    def __init__(self) -> None:
        self._client = OAuthClientInformationFull(
            client_id=CLIENT_ID,
            redirect_uris=[AnyUrl(REDIRECT_URI)],
            token_endpoint_auth_method="none",  # the name of a method
        )
        self._tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """Return the tokens."""
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Store the tokens."""
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Return the registration."""
        return self._client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Store a registration. This client has one."""
        self._client = client_info


class Browser:
    """A browser in which the user signs in and allows whatever the client asks for."""

    def __init__(self, username: str, password: str, record: Record) -> None:
        self._account = {"username": username, "password": password}
        self._record = record
        self._client = httpx2.AsyncClient(trust_env=False)
        self._landed = ""

    async def open(self, url: str) -> None:
        """Open the authorization request, and follow it to the redirect URI."""
        response = await self._client.get(url)
        if response.status_code == 303:  # not signed in yet
            page = await self._client.get(urljoin(url, response.headers["location"]))
            form = {**self._account, "csrf": field(page, "csrf"), "next": field(page, "next")}
            await self._client.post(urljoin(url, "/sign-in"), data=form)
            response = await self._client.get(url)
        asked = re.findall(r'name="granted" value="([^"]*)"', response.text)
        consent = {"csrf": field(response, "csrf"), "granted": asked, "decision": "allow"}
        done = await self._client.post(url, data=consent)
        self._record(done.request, done)
        self._landed = done.headers["location"]

    async def landed(self) -> AuthorizationCodeResult:
        """Return the parameters of the redirect URI."""
        values = {name: each[0] for name, each in parse_qs(urlsplit(self._landed).query).items()}
        return AuthorizationCodeResult(
            code=values["code"], state=values.get("state"), iss=values.get("iss")
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def is_complete(response: httpx2.Response) -> bool:
    """Return whether the body of a response ends; a stream of events may stay open."""
    return "event-stream" not in response.headers.get("content-type", "")


def field(page: httpx2.Response, name: str) -> str:
    """Return the value of a hidden field of a form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    return html.unescape(found[1]) if found else ""


async def converse(
    server_url: str,
    username: str,
    password: str,
    record: Record,
    tools: list[tuple[str, dict[str, str]]],
    mode: str = "auto",
) -> list[str]:
    """Call tools, and return the text of each result.

    Args:
        server_url: The MCP endpoint.
        username: The user who signs in at the authorization server.
        password: The password of the user.
        record: Called with each request and its response, those of the browser too.
        tools: The names and arguments of the calls.
        mode: `auto`, or `legacy` for a client of revision 2025-11-25.
    """
    browser = Browser(username, password, record)

    async def note(response: httpx2.Response) -> None:
        if is_complete(response):
            await response.aread()
        record(response.request, response)

    provider = OAuthClientProvider(
        server_url,
        OAuthClientMetadata(redirect_uris=[AnyUrl(REDIRECT_URI)]),
        Memory(),
        redirect_handler=browser.open,
        callback_handler=browser.landed,
    )
    hooks = {"response": [note]}
    results = []
    async with (
        httpx2.AsyncClient(auth=provider, event_hooks=hooks, trust_env=False) as http_client,
        Client(streamable_http_client(server_url, http_client=http_client), mode=mode) as client,
    ):
        for name, arguments in tools:
            result = await client.call_tool(name, arguments)
            results += [getattr(part, "text", "") for part in result.content]
    await browser.close()
    return results

"""The demo without sockets: the client application, with the other three roles in memory."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from examples.client_app import create_app
from examples.client_app.settings import parse_settings
from examples.decisions import Decisions
from examples.profile_api.flask_app import create_app as create_api
from iiniit_guard import ClientSecretBasic, Guard
from iiniit_guard.core.model.flow import HttpRequest, HttpResponse, Unreachable
from tests.integration.example_flow import AUDIENCE, ISSUER, REDIRECT_URI, SECRETS, Flow, hidden

API = "http://127.0.0.1:9002"
CLIENT = REDIRECT_URI.removesuffix("/callback")


@dataclass
class Demo:
    """The client, with an authorization server and an API that can be reached as long as `up`."""

    flow: Flow
    up: bool = True
    browser: FlaskClient = field(init=False)
    guard: Guard = field(init=False)
    secrets: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        decisions = Decisions()
        guard = Guard(
            **decisions.listeners(),
            issuer=ISSUER,
            audience=AUDIENCE,
            introspection=ClientSecretBasic("api", SECRETS["api"]),
            transport=self._for_the_guard,
        )
        api = create_api(guard)
        api.wsgi_app = decisions.beside_wsgi(api.wsgi_app)  # type: ignore[method-assign]
        self.guard = guard
        self._servers = {urlsplit(ISSUER).port: self.flow.app, urlsplit(API).port: api}
        settings = {
            "issuer": ISSUER,
            "redirect_uri": REDIRECT_URI,
            "session_secret": "c" * 32,
            "registrations": {
                kind: {"client_id": f"{kind}-client", "secret": SECRETS[f"{kind}-client"]}
                for kind in ("jwt", "opaque")
            },
            "apis": [{"name": "flask", "label": "Flask", "url": API}],
        }
        self.browser = create_app(
            parse_settings(settings), httpx2.MockTransport(self._for_the_client)
        ).test_client()

    def _for_the_guard(self, request: HttpRequest) -> HttpResponse | Unreachable:
        response = self.flow.app.test_client().open(
            request.url,
            method=request.method,
            headers=list(request.headers),
            data=request.body,
            base_url=ISSUER,
        )
        return HttpResponse(
            response.status_code,
            tuple((name.lower(), value) for name, value in response.headers),
            response.data,
        )

    def _for_the_client(self, request: httpx2.Request) -> httpx2.Response:
        if not self.up:
            raise httpx2.ConnectError("nobody there", request=request)
        server = self._servers[request.url.port].test_client()
        answer = server.open(
            str(request.url),
            method=request.method,
            headers=list(request.headers.multi_items()),
            data=request.content,
        )
        values = answer.get_json(silent=True) or {}
        if isinstance(values, dict):
            self.secrets |= {
                values[name] for name in ("access_token", "refresh_token") if name in values
            }
        return httpx2.Response(
            answer.status_code, headers=list(answer.headers), content=answer.data
        )

    def page(self) -> TestResponse:
        return self.browser.get("/", base_url=CLIENT)

    def press(self, path: str, **form: str) -> str:
        """Press a button and return the page that follows."""
        csrf = hidden(self.page(), "csrf")
        response = self.browser.post(path, data={"csrf": csrf, **form}, base_url=CLIENT)
        assert response.status_code == 303
        return html.unescape(self.page().text)

    def begin(self, kind: str = "jwt") -> str:
        """Press connect, and return the address of the authorization request."""
        csrf = hidden(self.page(), "csrf")
        return self.browser.post(
            "/connect", data={"csrf": csrf, "token_kind": kind}, base_url=CLIENT
        ).location

    def connect(self, kind: str = "jwt") -> TestResponse:
        address = self.begin(kind).removeprefix(ISSUER)
        self.flow.sign_in()
        back = self.flow.approve(address, ["user:read", "user:write", "email"])
        return self.browser.get(back.location)

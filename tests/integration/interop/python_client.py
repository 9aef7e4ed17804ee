"""A client with requests-oauth2client, which repeats a request for a nonce by itself."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests_oauth2client import OAuth2Client

from tests.integration.interop.node import Exchange, Report


class Recorder(HTTPAdapter):
    """Sends requests, and records them with their responses."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: list[Exchange] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().send(request, *args, **kwargs)
        sent, received = (
            {name.lower(): str(value) for name, value in headers.items()}
            for headers in (request.headers, response.headers)
        )
        url, method = str(request.url), str(request.method)
        self.exchanges.append(
            Exchange(url, method, sent, response.status_code, received, response.text)
        )
        return response


def run(task: dict[str, Any]) -> Report:
    """Get a token and call the API."""
    recorder = Recorder()
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", recorder)
        session.mount("https://", recorder)
        session.verify, session.cert = task.get("authority", True), task.get("certificate")
        client = OAuth2Client(
            token_endpoint=task.get("tls_url", task["issuer"]) + "/token",
            client_id=task["client"],
            client_secret=task["secret"],
            session=session,
            testing=True,  # allows http
        )
        token = client.client_credentials(scope=task["scope"], dpop=task["bound"])
        session.get(task["url"], auth=token)
    return Report(str(token.access_token), recorder.exchanges, [])

"""The OAuth client: authorization, code exchange, refresh, revocation and calls of the API.

All requests use httpx2.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2

from examples.client_app.exchange import Exchange, exchange_of, failed_exchange, witnessed_exchange
from examples.client_app.settings import ApiSettings, Settings
from examples.client_app.visit import Held, Visit

SCOPES = "user:read user:write email"


class FlowError(Exception):
    """The flow cannot continue. The page shows the message."""


class OAuthClient:
    """A confidential client of one authorization server."""

    def __init__(self, settings: Settings, transport: httpx2.BaseTransport | None = None) -> None:
        """Create the client without sending a request."""
        self._settings = settings
        self._http = httpx2.Client(timeout=10, transport=transport, trust_env=False)
        self._metadata: dict[str, Any] | None = None

    def authorization_url(self, visit: Visit) -> str:
        """Return the URL of the authorization request (RFC 6749 §4.1.1) with PKCE (RFC 7636)."""
        visit.state = secrets.token_urlsafe(32)
        visit.verifier = secrets.token_urlsafe(48)
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(visit.verifier.encode()).digest())
            .rstrip(b"=")
            .decode()
        )
        query = {
            "response_type": "code",
            "client_id": self._settings.registrations[visit.token_kind].client_id,
            "redirect_uri": self._settings.redirect_uri,
            "scope": SCOPES,
            "state": visit.state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._endpoint('authorization_endpoint')}?{urlencode(query, safe=':/')}"

    def check_return(self, visit: Visit, values: dict[str, str]) -> None:
        """Check that the authorization response belongs to the request of this browser.

        Raises:
            FlowError: The state belongs to another browser (RFC 6749 §10.12), or another server
                sent the response (RFC 9207).
        """
        state, visit.state = visit.state, ""
        if not state or not secrets.compare_digest(
            state.encode(), values.get("state", "").encode()
        ):
            raise FlowError(
                "This answer does not belong to a request of this browser. Start again."
            )
        if values.get("iss") != self._settings.issuer:
            raise FlowError(
                "This answer comes from another authorization server than the one that was asked."
            )

    def exchange_code(self, visit: Visit, code: str) -> tuple[httpx2.Response, Exchange]:
        """Exchange the code for tokens (RFC 6749 §4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
            "code_verifier": visit.verifier,
        }
        visit.verifier = ""
        return self._post(visit, "token_endpoint", form)

    def refresh(
        self, visit: Visit, *, scope: str = "", expires_in: int | None = None
    ) -> tuple[Held, Exchange]:
        """Exchange the refresh token for a new access token (RFC 6749 §6).

        The request may ask for fewer scopes or a shorter lifetime.

        Raises:
            FlowError: The authorization server refuses the request or cannot be reached.
        """
        form = {"grant_type": "refresh_token", "refresh_token": visit.refresh_token}
        if scope:
            form["scope"] = scope
        if expires_in is not None:
            form["expires_in"] = str(expires_in)
        response, exchange = self._post(visit, "token_endpoint", form)
        if response.status_code != 200:
            raise FlowError(
                f"The authorization server gave no new token: {response.json().get('error')}."
            )
        return self.keep_tokens(visit, response), exchange

    def keep_tokens(self, visit: Visit, response: httpx2.Response) -> Held:
        """Store the tokens of a successful response. A new refresh token replaces the old one."""
        values = response.json()
        visit.refresh_token = values["refresh_token"]
        seconds = int(values["expires_in"])
        return Held(
            values["access_token"],
            visit.token_kind,
            tuple(values["scope"].split(" ")),
            int(time.time()) + seconds,
            seconds,
        )

    def revoke(self, visit: Visit, token: str, hint: str) -> Exchange:
        """Revoke a token (RFC 7009)."""
        return self._post(visit, "revocation_endpoint", {"token": token, "token_type_hint": hint})[
            1
        ]

    def call_api(
        self,
        api: ApiSettings,
        held: Held | None,
        change: dict[str, str] | None = None,
        more_headers: Mapping[str, str] | None = None,
    ) -> tuple[httpx2.Response | None, Exchange]:
        """Read or change the profile with an access token in the header (RFC 6750 §2.1).

        The response is None if the API does not answer.
        """
        headers = dict(more_headers or {})
        if held is not None:
            headers["Authorization"] = f"Bearer {held.access_token}"
        request = self._http.build_request(
            "PATCH" if change else "GET", api.url + "/v1/user/profile", headers=headers, json=change
        )
        try:
            response = self._http.send(request)
        except httpx2.TransportError:
            return None, failed_exchange(request)
        return response, exchange_of(response)

    def decision(self, api: ApiSettings, held: Held, since: float) -> dict[str, Any] | None:
        """Return the last decision of the API's guard about a token, as an event.

        The result is None if the API does not disclose it.
        """
        digest = hashlib.sha256(held.access_token.encode()).hexdigest()[:16]
        try:
            response = self._http.get(api.url + "/demo/decisions", params={"token_digest": digest})
        except httpx2.TransportError:
            return None
        events = response.json() if response.status_code == 200 else []
        return next((event for event in reversed(events) if event["time"] >= since), None)

    def witnessed(self, visit: Visit, about: str, since: float) -> tuple[Exchange, ...]:
        """Return the exchanges that the authorization server recorded for a state or token.

        The result is empty if the server does not disclose them.
        """
        try:
            response, _ = self._post(visit, "issuer", {"about": about}, path="/demo/seen")
        except FlowError:
            return ()
        seen = response.json() if response.status_code == 200 else []
        return tuple(witnessed_exchange(one) for one in seen if one["time"] >= since)

    def _endpoint(self, name: str) -> str:
        if self._metadata is None:
            try:
                response = self._http.get(
                    self._settings.issuer + "/.well-known/oauth-authorization-server"
                )
                metadata = response.raise_for_status().json()
            except (httpx2.HTTPError, ValueError):
                raise FlowError("The authorization server does not answer.") from None
            if metadata.get("issuer") != self._settings.issuer:
                raise FlowError("The discovery document belongs to another authorization server.")
            self._metadata = metadata
        return str(self._metadata[name])

    def _post(
        self, visit: Visit, endpoint: str, form: dict[str, str], path: str = ""
    ) -> tuple[httpx2.Response, Exchange]:
        registration = self._settings.registrations[visit.token_kind]
        # Form-encode before HTTP Basic (RFC 6749 §2.3.1): a secret may contain any character.
        auth = httpx2.BasicAuth(quote_plus(registration.client_id), quote_plus(registration.secret))
        try:
            response = self._http.post(
                self._endpoint(endpoint) + path,
                data=form,
                auth=auth,
                headers={"Accept": "application/json"},
            )
        except httpx2.TransportError:
            raise FlowError("The authorization server does not answer.") from None
        return response, exchange_of(response)


def jwt_contents(token: str) -> str:
    """Return the contents of a JWT for display.

    A real client must not inspect an access token, because the token is for the API and its format
    may change at any time (RFC 9068 §6).
    """
    parts = token.split(".")
    if len(parts) != 3:
        return ""
    header, payload = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2]
    )
    return json.dumps(header, indent=2) + "\n" + json.dumps(payload, indent=2)

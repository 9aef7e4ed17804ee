"""The server side of RFC 7662: client authentication and introspection responses."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote_plus

import jwt

from iiniit_guard.adapting.types import JsonObject, Members
from iiniit_guard.core.model.flow import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iiniit_guard.core.issuer.client_authentication import ClientAuthentication
    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.testing.keys import SigningKey

Method: TypeAlias = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
METHODS: Final[tuple[Method, ...]] = (
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
)

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def json_response(status: int, members: Members, *headers: tuple[str, str]) -> HttpResponse:
    """Return a JSON response."""
    return HttpResponse(
        status, (("content-type", "application/json"), *headers), json.dumps(members).encode()
    )


def parse_form(request: HttpRequest) -> dict[str, str] | HttpResponse:
    """Parse a form as strictly as RFC 6749 §3.2 requires: no parameter twice.

    Returns:
        The parameters, or the error response.
    """
    if request.method != "POST":
        return json_response(405, {"error": "invalid_request"})
    if _header(request, "content-type") != "application/x-www-form-urlencoded":
        return json_response(415, {"error": "invalid_request"})
    pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs) or not form.get("token"):
        return json_response(400, {"error": "invalid_request"})
    return form


def _header(request: HttpRequest, name: str) -> str | None:
    return next((value for key, value in request.headers if key.lower() == name), None)


class ClientCheck:
    """The client that may introspect, and its authentication methods.

    Attributes:
        client_id: The identifier of the one client (the API).
        client_secret: For `client_secret_basic` and `client_secret_post`.
        client_key: The key whose public half verifies assertions.
        audience: The accepted values of `aud` in an assertion.
        methods: The accepted authentication methods.
    """

    def __init__(
        self, client_id: str, client_secret: str, client_key: SigningKey, audience: tuple[str, ...]
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.client_key = client_key
        self.audience = audience
        self.methods: tuple[Method, ...] = METHODS
        self._used: set[str] = set()

    def credentials(self, method: Method) -> ClientAuthentication:
        """Return a value for `Guard(introspection=...)` that this check accepts."""
        from iiniit_guard.core.issuer.client_authentication import (
            ClientSecretBasic,
            ClientSecretPost,
            PrivateKeyJwt,
        )

        if method == "private_key_jwt":
            return PrivateKeyJwt(
                self.client_id, self.client_key.private_pem(), self.client_key.algorithm
            )
        return (ClientSecretBasic if method == "client_secret_basic" else ClientSecretPost)(
            self.client_id, self.client_secret
        )

    def method_of(self, request: HttpRequest, form: Mapping[str, str], now: float) -> Method | None:
        """Return the method by which the client authenticated, or None if it did not.

        Spec: RFC 6749 §2.3 (one method in a request), §2.3.1 (both halves form-encoded before
        Basic), RFC 7523 §3.
        """
        shown: list[Method] = []
        authorization = _header(request, "authorization")
        if authorization is not None:
            shown.append("client_secret_basic")
        if "client_secret" in form:
            shown.append("client_secret_post")
        if "client_assertion" in form:
            shown.append("private_key_jwt")
        if len(shown) != 1 or shown[0] not in self.methods:
            return None
        if authorization is not None:
            good = self._is_basic(authorization)
        elif "client_secret" in form:
            good = (form.get("client_id"), form["client_secret"]) == (
                self.client_id,
                self.client_secret,
            )
        else:
            good = self._is_assertion(form, now)
        return shown[0] if good else None

    def _is_basic(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, colon, password = (
                base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
            )
        except (binascii.Error, UnicodeDecodeError):
            return False
        shown = (unquote_plus(user), unquote_plus(password))
        return scheme == "Basic" and colon == ":" and shown == (self.client_id, self.client_secret)

    def _is_assertion(self, form: Mapping[str, str], now: float) -> bool:
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            return False
        try:
            claims: JsonObject = jwt.decode(
                form["client_assertion"],
                self.client_key.private_key.public_key(),
                algorithms=[self.client_key.algorithm],
                audience=self.audience,
                issuer=self.client_id,
                # The clock of the test determines the time, not that of the machine.
                options={
                    "require": ["iss", "sub", "aud", "exp", "jti"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError:
            return False
        if (
            claims["sub"] != self.client_id
            or not now < claims["exp"] <= now + 600
            or claims["jti"] in self._used
        ):
            return False
        self._used.add(claims["jti"])
        return True

"""Client authentication of the guard at an introspection endpoint.

Spec: RFC 6749 §2.3.1 (basic and post), RFC 7523 §2.2 and §3 (private_key_jwt), RFC 8705 §2
(tls_client_auth), RFC 6750 (bearer).
"""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never
from urllib.parse import quote_plus

from iiniit_guard.core.http.bearer import is_b64token
from iiniit_guard.core.model.flow import Flow, ReadFile, Unreachable
from iiniit_guard.core.model.json_types import JsonMapping, JsonObject

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret in a file.

    The file is read at each use, so a rotated secret needs no restart. A final line break is
    removed.
    """

    path: str


Secret: TypeAlias = "str | SecretFile"


@dataclass(frozen=True, slots=True)
class ClientSecretBasic:
    """`client_secret_basic`: credentials in an HTTP Basic header (RFC 6749 §2.3.1).

    The client identifier and the secret are form-encoded.
    """

    client_id: str
    client_secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientSecretPost:
    """`client_secret_post`: client identifier and secret in the form (RFC 6749 §2.3.1)."""

    client_id: str
    client_secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrivateKeyJwt:
    """`private_key_jwt`: a short-lived assertion, signed by the client (RFC 7523 §2.2).

    Attributes:
        client_id: The client identifier of the guard.
        key: PEM text, a JWK (mapping or JSON text), the key file of Zitadel (JSON with `keyId`,
            `key` and `clientId`), or a `SecretFile` that contains one of them.
        algorithm: For example `ES256`, `RS256`, `EdDSA`.
        audience: `aud` of the assertion; None means the issuer identifier.
        key_id: `kid` of the assertion; None means the `kid` of the JWK or the `keyId` of the
            key file, if it has one.
    """

    client_id: str
    key: Secret | JsonMapping = field(repr=False)
    algorithm: str = "ES256"
    audience: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class TlsClient:
    """`tls_client_auth` or `self_signed_tls_client_auth`: a client certificate (RFC 8705 §2).

    `certificate` and `key` are paths of PEM files.
    """

    client_id: str
    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An access token of the guard itself (RFC 7662 §2.1).

    The token is fixed, or read from a file that another program renews.
    """

    token: Secret = field(repr=False)


ClientAuthentication: TypeAlias = (
    ClientSecretBasic | ClientSecretPost | PrivateKeyJwt | TlsClient | BearerToken
)

IntrospectionFunction: TypeAlias = Callable[[str], object]
"""Called with the token in place of a call to the introspection endpoint.

It returns a mapping with the members of an introspection response (RFC 7662 §2.2), or None for an
inactive token. It may be a coroutine function if only the asynchronous calls are used.
"""


_SECRETS: Final = frozenset({"client_secret", "token"})
_OPTIONAL: Final = frozenset({"audience", "key_id"})
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# What a parser of keys raises for an unusable key.
_UNUSABLE: Final = (NotImplementedError, LookupError, ValueError, TypeError, AttributeError)


def credential_fault(method: ClientAuthentication) -> str | None:
    """Return which part of the credentials is unusable, or None. The result never quotes a value.

    `os.environ.get` returns None for a missing variable; this check finds such a value.
    """
    for each in fields(method):
        value: object = getattr(method, each.name)
        if isinstance(method, PrivateKeyJwt) and each.name == "key":
            kinds: tuple[type, ...] = (str, SecretFile, Mapping)
        else:
            kinds = (str, SecretFile) if each.name in _SECRETS else (str,)
        if not (isinstance(value, kinds) and value) and not (
            value is None and each.name in _OPTIONAL
        ):
            return f"{type(method).__name__}: {each.name} must be a non-empty string"
    return None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The credentials of one request. Never log or display them.

    Attributes:
        headers: Header fields.
        form: Form fields.
        key: The key that signed the form, or None. An assertion differs in each request, so this
            member, not the form, shows whether two requests have the same credentials.
    """

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    key: str | None = field(default=None, repr=False)

    @property
    def fingerprint(self) -> int:
        """A hash that is equal for the same client with the same secret or key.

        The hash is valid in this process only. It is computed for each call, so it is not
        cryptographic.
        """
        return hash((self.headers, self.form) if self.key is None else (self.form[0], self.key))


def sign_in(
    method: ClientAuthentication, issuer: str, now: float, unique: Callable[[], str]
) -> Flow[SignedIn | Unreachable]:
    """Create the credentials of one request.

    Args:
        method: The client authentication method.
        issuer: The issuer identifier, which is the default audience of an assertion.
        now: Seconds since the epoch.
        unique: Returns an identifier that was never used before, for the `jti` of an assertion.
    """
    if isinstance(method, TlsClient):
        # RFC 8705 §2: the certificate authenticates the client; the request names it.
        return SignedIn(form=(("client_id", method.client_id),))
    if isinstance(method, PrivateKeyJwt):
        secret = json.dumps(dict(method.key)) if isinstance(method.key, Mapping) else method.key
    else:
        secret = method.token if isinstance(method, BearerToken) else method.client_secret
    revealed = secret if isinstance(secret, str) else (yield from reveal(secret))
    if isinstance(revealed, Unreachable):
        return revealed
    match method:
        case ClientSecretBasic(client_id):
            # Form-encode both first: the server would otherwise decode ":" or "%" in a secret
            # differently.
            pair = f"{quote_plus(client_id)}:{quote_plus(revealed)}"
            basic = "Basic " + b64encode(pair.encode()).decode()
            return SignedIn(headers=(("Authorization", basic),))
        case ClientSecretPost(client_id):
            return SignedIn(form=(("client_id", client_id), ("client_secret", revealed)))
        case PrivateKeyJwt():
            return _assert(method, revealed, issuer, now, unique())
        case BearerToken():
            # A line break would start another header.
            if not revealed.isascii() or not is_b64token(revealed.encode("ascii")):
                return Unreachable(
                    "credentials", "the token for introspection is not a bearer token", 30.0
                )
            return SignedIn(headers=(("Authorization", "Bearer " + revealed),))
        case _:
            assert_never(method)


def reveal(secret: Secret) -> Flow[str | Unreachable]:
    """Return the text of a secret; read it from its file if it is in one."""
    if isinstance(secret, str):
        return secret
    content = yield ReadFile(secret.path)
    if isinstance(content, Unreachable):
        return content
    try:
        return str(content, "utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return Unreachable("credentials", "a secret file is not UTF-8 text")


def _assert(
    method: PrivateKeyJwt, key: str, issuer: str, now: float, unique: str
) -> SignedIn | Unreachable:
    import jwt  # takes 83 ms, and few configurations need it

    claims = {
        "iss": method.client_id,
        "sub": method.client_id,
        "aud": method.audience or issuer,
        "jti": unique,
        "iat": int(now),
        "exp": int(now) + 60,
    }
    try:
        algorithm = jwt.get_algorithm_by_name(
            "EdDSA" if method.algorithm == "Ed25519" else method.algorithm
        )
        private, key_id = _read_key(method, key, algorithm)
        header = {"alg": method.algorithm, "typ": "JWT", "kid": key_id}
        signing_input = (
            _part({name: value for name, value in header.items() if value is not None})
            + b"."
            + _part(claims)
        )
        signature = algorithm.sign(signing_input, private)
    except (
        jwt.exceptions.PyJWTError,
        NotImplementedError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
    ):
        # Drop the exception: the message of a parser may quote the key.
        return Unreachable(
            "credentials", "the key of private_key_jwt cannot be used with its algorithm", 30.0
        )
    assertion = (signing_input + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()
    form = (("client_id", method.client_id), ("client_assertion_type", _ASSERTION_TYPE))
    return SignedIn(form=(*form, ("client_assertion", assertion)), key=key)


def _read_key(method: PrivateKeyJwt, key: str, algorithm: Algorithm) -> tuple[object, str | None]:
    """Return the private key in `key` and the `kid` of assertions.

    Raises:
        ValueError: The key file belongs to another client. Other exceptions are possible too.
    """
    document = json.loads(key) if key.lstrip().startswith("{") else {}
    if "keyId" in document:  # the key file of Zitadel
        if document.get("clientId", method.client_id) != method.client_id:
            raise ValueError("the key file belongs to another client")
        return algorithm.prepare_key(document["key"]), method.key_id or document["keyId"]
    private = algorithm.from_jwk(key) if document else algorithm.prepare_key(key)
    return private, method.key_id or document.get("kid")


def _part(value: JsonObject) -> bytes:
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=")

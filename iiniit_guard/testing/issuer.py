"""An in-memory authorization server that issues real tokens and opens no socket."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.adapting.types import JsonObject, Members
from iiniit_guard.testing.claims import usual_claims
from iiniit_guard.testing.clock import SettableClock
from iiniit_guard.testing.dpop import bound_to
from iiniit_guard.testing.endpoints import respond
from iiniit_guard.testing.faults import broken, check_mode
from iiniit_guard.testing.injection import FaultInjection
from iiniit_guard.testing.introspection import ClientCheck
from iiniit_guard.testing.jws import encode, write_jws
from iiniit_guard.testing.keys import SigningKey, new_key, without_none
from iiniit_guard.testing.metadata import DOCUMENTS, KINDS, kind_of, usual_metadata
from iiniit_guard.testing.status_list import PublishedStatusList, StatusListing

if TYPE_CHECKING:
    from collections.abc import Collection

    from iiniit_guard.core.issuer.client_authentication import ClientAuthentication
    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.guard import Guard
    from iiniit_guard.testing.faults import IssuerResponse
    from iiniit_guard.testing.introspection import Method
    from iiniit_guard.testing.keys import Signer
    from iiniit_guard.testing.metadata import Document, Kind

# Reveals clients that do not form-encode before Basic (RFC 6749 §2.3.1).
_AWKWARD: Final = "colon:percent%plus+space ü"


class Issuer(FaultInjection, StatusListing):
    """An authorization server for tests.

    >>> issuer = Issuer()
    >>> with issuer.guard() as guard:
    ...     sorted(guard.verify(issuer.token("user:read user:write")).scopes)
    ['user:read', 'user:write']
    >>> issuer.requests
    ['discovery', 'jwks']

    Attributes:
        issuer: The issuer identifier (RFC 8414).
        audience: The `aud` of its tokens.
        clock: Only advances when a test advances it. `guard()` creates guards with the same clock.
        skew_seconds: How many seconds this server's clock is ahead of the guard's.
        signing_key: The key that signs the tokens of `token()`.
        keys: The keys in the JWK Set; more can be appended.
        odd_keys: Further members of `keys` in the JWK Set, written without changes.
        cache_control: The `Cache-Control` field of the JWK Set; None sends none.
        metadata: Members to replace or add in the discovery documents; None removes one.
        documents: The discovery documents that exist (RFC 8414, OpenID Connect Discovery).
        client_check: The client that may introspect; its `methods` and `client_secret` can change.
        notices_expiry: False makes introspection report expired tokens as active, like some
            servers.
        status_list: The published Token Status List.
        slow_seconds: How long a response takes after `fail("slow")`.
        requests: The kinds of the requests received, in order. Call `clear()` between two steps.
        last_request: The latest request; None before the first.
    """

    def __init__(
        self,
        issuer: str = "https://issuer.test",
        audience: str | list[str] = "https://api.test",
        *,
        algorithm: str = "ES256",
        signing_key: SigningKey | None = None,
        clock: SettableClock | None = None,
        skew_seconds: float = 0,
        client_id: str = "api",
        client_secret: str = _AWKWARD,
    ) -> None:
        """Create a server with its own keys. Two servers never share a key.

        Args:
            issuer: The issuer identifier, which is the prefix of its endpoints.
            audience: The audience of its tokens.
            algorithm: The algorithm of the signing key, as in `SigningKey`.
            signing_key: The signing key; None generates one, which takes a tenth of a second for
                RSA.
            clock: A clock to share between issuers; None creates one that stands at the present.
            skew_seconds: How many seconds the clock of this server is ahead.
            client_id: The identifier of the client that may introspect.
            client_secret: Its secret. Many clients encode the default wrongly.
        """
        self.issuer = issuer
        self.audience = audience
        self.clock: SettableClock = clock if clock is not None else SettableClock()
        self.skew_seconds = skew_seconds
        self.signing_key: SigningKey = signing_key or new_key(algorithm)
        self.keys: list[SigningKey] = [self.signing_key]
        self.odd_keys: list[Any] = []
        self.cache_control: str | None = "max-age=3600"
        self.metadata: JsonObject = {}
        self.documents: Collection[Document] = DOCUMENTS
        self.client_check: ClientCheck = ClientCheck(
            client_id,
            client_secret,
            new_key("ES256"),
            (issuer, f"{issuer}/introspect"),
        )
        self.notices_expiry = True
        self.status_list: PublishedStatusList = PublishedStatusList(f"{issuer}/statuslists/1")
        self.slow_seconds: float = 4.0
        self.requests: list[Kind] = []
        self.last_request: HttpRequest | None = None
        self._numbers = count(1)
        self._key_numbers = count(2)
        self._known: dict[str, JsonObject] = {}
        self._failure: dict[str, str | IssuerResponse | None] = {}

    @property
    def now(self) -> float:
        """The time of this server: that of `clock` plus the skew, an integer if it is one."""
        now = self.clock.wall() + self.skew_seconds
        return int(now) if now == int(now) else now

    def token(
        self,
        scope: str | None = "user:read",
        *,
        expires_in: float | None = 300,
        subject: str | None = "user-1",
        client_id: str | None = "client-1",
        header: Members | None = None,
        sign_with: SigningKey | Signer | None = None,
        dpop_key: SigningKey | None = None,
        **claims: object,
    ) -> str:
        """Issue a JWT access token in the format of RFC 9068. It can be introspected too.

        >>> issuer = Issuer()
        >>> no_expiry = issuer.token(exp=None)
        >>> other_kind = issuer.token(header={"typ": "JWT"}, at_hash="x")

        Args:
            scope: Space-separated scopes; None omits the claim.
            expires_in: Seconds from now; negative for an expired token.
            subject: `sub`.
            client_id: `client_id`.
            header: Header parameters to replace or add; a value of None removes one.
            sign_with: Another key, or any function from signing input to signature; None means
                `signing_key`.
            dpop_key: The key of the client to which the token is bound (RFC 9449).
            claims: Claims to replace or add; None removes one. `math.nan` is written as `NaN`.
        """
        claims = bound_to(dpop_key, claims)
        members = self._members(scope, expires_in, subject, client_id, claims)
        token = self.sign(members, header, sign_with=sign_with)
        self._known[token] = members
        return token

    def sign(
        self,
        payload: Members | bytes,
        header: Members | bytes | None = None,
        *,
        sign_with: SigningKey | Signer | None = None,
    ) -> str:
        """Sign any payload under any header, for tokens that `token()` cannot create.

        Args:
            payload: A mapping is written as JSON without changes; bytes are used as they are.
            header: A mapping changes the default header as in `token()`; bytes replace it.
            sign_with: As in `token()`.
        """
        signer = sign_with or self.signing_key
        if isinstance(header, bytes) or isinstance(signer, SigningKey):
            return write_jws(payload, {} if header is None else header, signer)
        usual = {"alg": self.signing_key.algorithm, "typ": "at+jwt", "kid": self.signing_key.kid}
        return write_jws(payload, {**usual, **(header or {})}, signer)

    def opaque_token(
        self,
        scope: str | None = "user:read",
        *,
        expires_in: float | None = 300,
        subject: str | None = "user-1",
        client_id: str | None = "client-1",
        prefix: str = "",
        dpop_key: SigningKey | None = None,
        **members: object,
    ) -> str:
        """Issue an opaque token.

        Args:
            scope: As in `token()`.
            expires_in: As in `token()`.
            subject: As in `token()`.
            client_id: As in `token()`.
            prefix: The prefix of the token.
            dpop_key: As in `token()`.
            members: Members of the introspection response to replace or add, including `active`;
                None removes one.
        """
        token = f"{prefix}opaque-{next(self._numbers)}-{encode(self.issuer.encode())}"
        members = bound_to(dpop_key, {"token_type": "Bearer", **members})
        self._known[token] = self._members(scope, expires_in, subject, client_id, members)
        return token

    def revoke(self, token: str) -> None:
        """Report `token` as inactive, and as invalid in the status list, from now on (RFC 7009)."""
        self._known.pop(token, None)
        self._revoke_in_list(token)

    def rotate_keys(self, keep_old: bool = True) -> SigningKey:
        """Publish a new key, sign with it from now on, and return it.

        Args:
            keep_old: False withdraws all other keys immediately.
        """
        self.signing_key = new_key(self.signing_key.algorithm, next(self._key_numbers))
        self.keys = [*self.keys, self.signing_key] if keep_old else [self.signing_key]
        return self.signing_key

    def fail(self, mode: str | IssuerResponse | None, at: Kind | None = None) -> None:
        """Make this server fail, or end the failure.

        Args:
            mode: None ends the failure. `connection`, `tls`, `protocol`, `too_large`: no response,
                immediately. `timeout`: none; the clock advances by the timeout of the caller.
                `slow`: the correct one; the clock advances by `slow_seconds`. If the caller does
                not wait that long, as `timeout`. A number (`"500"`): that status. `garbage` (HTML),
                `empty`, `array`, `redirect`: an invalid response. An `HttpResponse` or
                `Unreachable`: exactly that.
            at: Only this endpoint; None means all of them.

        Raises:
            ValueError: The mode does not exist.
        """
        check_mode(mode)
        for kind in KINDS if at is None else (at,):
            self._failure[kind] = mode

    def guard(self, **settings: object) -> Guard:
        """Create a guard that trusts this issuer, shares its clock and calls it without a socket.

        Args:
            settings: Settings of `Guard`; `introspection=None` creates a guard that does not
                introspect.
        """
        from iiniit_guard.guard import Guard

        wired: JsonObject = {
            "issuer": self.issuer,
            "audience": self.audience,
            "introspection": self.credentials("client_secret_basic"),
            "transport": self.handle,
            "clock": self.clock.clock,
        }
        return Guard(**{**wired, **settings})

    def credentials(self, method: Method) -> ClientAuthentication:
        """Return a value for `Guard(introspection=...)` that this issuer accepts."""
        return self.client_check.credentials(method)

    def handle(self, request: HttpRequest) -> IssuerResponse:
        """Return the response to one request. Pass this method to `Guard(transport=...)`."""
        kind = kind_of(request.url, self.issuer, self.metadata_document(), self.status_list.uri)
        self.requests.append(kind)
        self.last_request = request
        answer = broken(self._failure.get(kind), request, self.clock, self.slow_seconds)
        return respond(self, kind, request) if answer is None else answer

    def metadata_document(self) -> JsonObject:
        """Return the content of both discovery documents (RFC 8414 §2)."""
        methods = {"introspection_endpoint_auth_methods_supported": list(self.client_check.methods)}
        return without_none({**usual_metadata(self.issuer), **methods, **self.metadata})

    def jwk_set(self) -> JsonObject:
        """Return the public keys (RFC 7517 §5)."""
        return {"keys": [key.jwk() for key in self.keys] + self.odd_keys}

    def introspect(self, token: str) -> JsonObject:
        """Return the response for `token` to an authenticated client (RFC 7662 §2.2)."""
        members = self._known.get(token)
        if members is None:
            return {"active": False}
        expires = members.get("exp")
        if self.notices_expiry and isinstance(expires, (int, float)) and expires <= self.now:
            return {"active": False}
        return {"active": True, **members}

    def _members(
        self,
        scope: str | None,
        expires_in: float | None,
        subject: str | None,
        client_id: str | None,
        claims: JsonObject,
    ) -> JsonObject:
        of_token = (self.issuer, self.audience, self.now, f"token-{next(self._numbers)}")
        return usual_claims(*of_token, scope, expires_in, subject, client_id, claims)

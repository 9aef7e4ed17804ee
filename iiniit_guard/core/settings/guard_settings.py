"""The settings of a guard. They are checked once and frozen; all faults are reported together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from iiniit_guard.core.http.client_certificate import SPELLINGS, Spelling
from iiniit_guard.core.http.error_body import ErrorBody
from iiniit_guard.core.http.event import Event
from iiniit_guard.core.http.trusted_peers import networks_fault
from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.issuer.client_authentication import Secret, SecretFile
from iiniit_guard.core.issuer.shared_store import SHORTEST_SECRET
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.outgoing_call import OnCall
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.settings.joint_faults import joint_faults
from iiniit_guard.core.settings.store_url import store_url_fault
from iiniit_guard.core.settings.token_header import certificate_header_fault, token_header_fault
from iiniit_guard.errors import SettingsError

FindIssuer: TypeAlias = Callable[[str], object]
"""Called with `iss`; returns a `TrustedIssuer` or None.

May be a coroutine function if only the asynchronous calls are used.
"""

Dpop: TypeAlias = Literal["optional", "required", "off"]

_RESERVED_SCHEMES: Final = frozenset({"bearer", "dpop"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """Settings of the API itself, not of a single issuer.

    Attributes:
        issuers: The trusted issuers, or a callable from `iss` to a `TrustedIssuer` or None.
        issuers_max_age_seconds: How long a result of that callable is used, at most an hour. Then
            it is called again.
        realm: Of the challenge; None means the first audience.
        resource: RFC 9728 resource identifier; None means that no metadata is served.
        resource_scopes: `scopes_supported` of that document.
        resource_authorization_details_types: `authorization_details_types_supported` of it
            (RFC 9396).
        max_token_bytes: A longer credential is refused before it is parsed.
        max_cached_tokens: Maximum number of cached tokens of all issuers.
        max_cached_bytes: Maximum number of bytes that the cached tokens of all issuers use.
        on_event: Called with an `Event` for each decision; None means that no event is made.
        on_call: Called with an `OutgoingCall` before each call to an authorization server. It
            returns a function that gets the `CallResult`, or None.
        error_body: Called with the public fields of each refusal (`PublicRefusal`); returns the
            media type and the body, a `str` and `bytes`. None means a problem document (RFC 9457).
        event_subject: Whether events name the subject.
        validators: Callables on (token, request); any result except True refuses the request.
        alternatives: Authentication scheme → callable on (credential, request), which returns a
            `Principal` or None.
        issuer_resolver: Callable on the request that returns the issuer, if the request and not the
            token determines it.
        store_url: URL of the shared store: `redis://`, `rediss://` or `unix://`; None means that
            each process has only its own cache.
        store_secret: Secret that seals the stored values: at least 32 characters, the same in all
            processes.
        token_header: The only header field that is read for the credential, in place of
            `Authorization`: a bare token, or a scheme and a token. Any client that reaches the
            process directly can write this field.
        client_certificate: Where the certificate of the client is, for tokens that are bound to it
            (RFC 8705): `tls`, the TLS layer of the server (None means the same and does not
            announce the support), or how the proxy of `trusted_proxies` writes its header field:
            `rfc9440`, `nginx`, `envoy`, `haproxy`, `traefik`, `apache`.
        client_certificate_header: The name of that field; None means the one that this proxy uses
            by default.
        websocket_subprotocol_token: Accept the token of a WebSocket in a subprotocol, in the form
            of Kubernetes, because browsers cannot set `Authorization` there. Only ASGI has
            WebSockets.
        query_token: `refuse` answers 400 to a request with `access_token` in its query. `ignore`
            does not look for it, as OAuth 2.1 §5.1 says.
        insecure_query_token: Accept `access_token` in the query, where it ends up in logs,
            histories and referrers.
        public_url: The URL under which clients reach the API, without query and fragment. The URL
            of a request is this URL and the path that the server receives. None means that it is
            built from the scheme and the `Host` of the request.
        trusted_proxies: Addresses and networks of the proxies whose forwarded header fields are
            read, and `unix` for a proxy that connects through a Unix socket.
        dpop: `optional` accepts bearer tokens, and bound tokens with a DPoP proof. `required`
            accepts only the latter. `off` accepts only bearer tokens.
        dpop_algorithms: The allowed algorithms of proofs.
        dpop_proof_age_seconds: How old a proof may be by its `iat`.
        dpop_proof_ahead_seconds: How far in the future the `iat` of a proof may be.
        dpop_nonce: `required` refuses a proof without a nonce of this resource. Then the age of the
            nonce counts in place of `iat`, so the clock of the client does not matter.
        dpop_nonce_seconds: The period after which clients get a new nonce. Each nonce is accepted
            for one more period.
        dpop_nonce_secret: Secret that the nonces are made from: at least 32 characters, the same in
            all processes. None means `store_secret`.
        max_dpop_proofs: Maximum number of accepted proofs that are kept to refuse replays. The key
            of one client may use a sixteenth of them.
    """

    issuers: tuple[TrustedIssuer, ...] | FindIssuer
    issuers_max_age_seconds: float = 60
    realm: str | None = None
    resource: str | None = None
    resource_scopes: Sequence[str] = ()
    resource_authorization_details_types: Sequence[str] = ()
    max_token_bytes: int = 16_384
    max_cached_tokens: int = 65_536
    max_cached_bytes: int = 67_108_864
    on_event: Callable[[Event], object] | None = None
    on_call: OnCall | None = None
    error_body: ErrorBody | None = None
    event_subject: bool = True
    validators: Sequence[Callable[..., object]] = ()
    alternatives: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    issuer_resolver: Callable[[Request], object] | None = None
    store_url: str | None = field(default=None, repr=False)
    store_secret: Secret | None = field(default=None, repr=False)
    token_header: str | None = None
    client_certificate: Literal["tls"] | Spelling | None = None
    client_certificate_header: str | None = None
    websocket_subprotocol_token: bool = False
    query_token: Literal["refuse", "ignore"] = "refuse"
    insecure_query_token: bool = False
    public_url: str | None = None
    trusted_proxies: Sequence[str] = ()
    dpop: Dpop = "optional"
    dpop_algorithms: Sequence[str] = ALGORITHMS
    dpop_proof_age_seconds: float = 60
    dpop_proof_ahead_seconds: float = 5
    dpop_nonce: Literal["off", "required"] = "off"
    dpop_nonce_seconds: float = 60
    dpop_nonce_secret: Secret | None = field(default=None, repr=False)
    max_dpop_proofs: int = 65_536


_LONGEST_WINDOW_SECONDS: Final = 600
_LEAST_CACHED_BYTES: Final = 65_536
_MOST_CACHED_BYTES: Final = 64 * 1024**3


def _secret_fault(value: object) -> str | None:
    fits = isinstance(value, SecretFile) or (
        isinstance(value, str) and len(value.strip()) >= SHORTEST_SECRET
    )
    return None if fits else f"must be at least {SHORTEST_SECRET} characters"


def _issuers_age_fault(value: object) -> str | None:
    # The first check ensures that it is a number.
    fits = check.seconds_or_none(value) is None and 0 <= value <= 3_600  # type: ignore[operator]
    return None if fits else "it must be a number of seconds from 0 to 3600"


_CHECKS: Final[Mapping[str, check.Check]] = {
    "issuers_max_age_seconds": _issuers_age_fault,
    "realm": check.text,
    "resource": check.resource_fault,
    "resource_scopes": check.names,
    "resource_authorization_details_types": check.names,
    "max_token_bytes": check.count,
    "max_cached_tokens": check.count,
    "max_cached_bytes": check.between(_LEAST_CACHED_BYTES, _MOST_CACHED_BYTES),
    "on_event": check.function,
    "on_call": check.function,
    "error_body": check.function,
    "event_subject": check.flag,
    "validators": check.functions,
    "issuer_resolver": check.function,
    "store_url": store_url_fault,
    "store_secret": _secret_fault,
    "token_header": token_header_fault,
    "client_certificate": check.one_of("tls", *SPELLINGS),
    "client_certificate_header": certificate_header_fault,
    "websocket_subprotocol_token": check.flag,
    "query_token": check.one_of("refuse", "ignore"),
    "insecure_query_token": check.flag,
    "public_url": check.public_url_fault,
    "trusted_proxies": networks_fault,
    "dpop": check.one_of("optional", "required", "off"),
    "dpop_algorithms": check.some_of(ALGORITHMS),
    "dpop_proof_age_seconds": check.at_most(_LONGEST_WINDOW_SECONDS, check.seconds),
    "dpop_proof_ahead_seconds": check.at_most(_LONGEST_WINDOW_SECONDS, check.seconds_or_none),
    "dpop_nonce": check.one_of("off", "required"),
    "dpop_nonce_seconds": check.at_most(3_600, check.seconds),
    "dpop_nonce_secret": _secret_fault,
    "max_dpop_proofs": check.between(1, 2**24),
}
_SEQUENCES: Final = (
    *("validators", "resource_scopes", "trusted_proxies"),
    "resource_authorization_details_types",
)
_OPTIONAL: Final = frozenset(each.name for each in fields(GuardSettings) if each.default is None)
ISSUER_SETTINGS: Final = frozenset(each.name for each in fields(TrustedIssuer)) - {"preset"}
GUARD_SETTINGS: Final = frozenset(each.name for each in fields(GuardSettings)) - {"issuers"}


def make_settings(keywords: JsonMapping) -> GuardSettings:
    """Return settings from the keywords of a guard.

    Args:
        keywords: Names and values, unchecked. They include either `issuers` or the settings of one
            issuer.

    Raises:
        SettingsError: With every fault, each naming its setting.
    """
    faults = [
        f"{name}: unknown setting"
        for name in sorted(keywords.keys() - ISSUER_SETTINGS - GUARD_SETTINGS - {"issuers"})
    ]
    own = {name: value for name, value in keywords.items() if name in GUARD_SETTINGS}
    issuers = _issuers(keywords, faults)
    for name, find_fault in _CHECKS.items():
        value = own.get(name)
        if (
            name in own
            and not (value is None and name in _OPTIONAL)
            and (fault := find_fault(value)) is not None
        ):
            faults.append(f"{name}: {fault}")
    faults += _alternative_faults(own.get("alternatives", {}))
    if not faults:
        faults += joint_faults(issuers if isinstance(issuers, tuple) else (), own)
    if faults:
        raise SettingsError(faults)
    for name in _SEQUENCES:
        own[name] = tuple(own.get(name, ()))
    own["dpop_algorithms"] = tuple(own.get("dpop_algorithms", ALGORITHMS))
    own["alternatives"] = MappingProxyType(dict(own.get("alternatives", {})))
    return GuardSettings(issuers=issuers, **own)


def _issuers(keywords: JsonMapping, faults: list[str]) -> tuple[TrustedIssuer, ...] | FindIssuer:
    single = {name: value for name, value in keywords.items() if name in ISSUER_SETTINGS}
    issuers = keywords.get("issuers")
    if issuers is not None:
        faults += [f"{name}: with issuers it belongs to one TrustedIssuer" for name in single]
        if callable(issuers):
            return issuers  # type: ignore[no-any-return]  # the results are checked at run time
        if (
            not isinstance(issuers, Sequence)
            or not issuers
            or not all(isinstance(issuer, TrustedIssuer) for issuer in issuers)
        ):
            faults.append("issuers: must be a list of TrustedIssuer, or a callable from iss to one")
            return ()
        repeated = {
            issuer.issuer
            for issuer in issuers
            if sum(other.issuer == issuer.issuer for other in issuers) > 1
        }
        faults += [f"issuers: {name} occurs more than once" for name in sorted(repeated)]
        return tuple(issuers)
    missing = [name for name in ("issuer", "audience") if single.get(name) is None]
    faults += [
        f"{name}: required; without it the guard would accept tokens of other issuers or for other "
        "APIs"
        for name in missing
    ]
    try:  # check the rest too, so that all faults are reported together
        return (
            TrustedIssuer(
                **{
                    "issuer": "https://missing.invalid",
                    "audience": "missing",
                    **{n: v for n, v in single.items() if n not in missing},
                }
            ),
        )
    except SettingsError as error:
        faults += error.faults
        return ()


def _alternative_faults(alternatives: object) -> list[str]:
    if not isinstance(alternatives, Mapping):
        return ["alternatives: must be a table from scheme to callable"]
    faults = []
    for scheme, function in alternatives.items():
        word = isinstance(scheme, str) and scheme.replace("-", "").isalnum() and scheme.isascii()
        if not word or scheme.lower() in _RESERVED_SCHEMES:
            faults.append("alternatives: a scheme must be one word other than Bearer and DPoP")
        elif not callable(function):
            faults.append(f"alternatives: {scheme}: must be a callable")
    if len({str(scheme).lower() for scheme in alternatives}) < len(alternatives):
        faults.append("alternatives: two schemes must not differ only by case")
    return faults

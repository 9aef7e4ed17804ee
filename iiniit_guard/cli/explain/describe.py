"""What each check received and what it expected, in words. Nothing here decides.

Values of a token are unverified. They are escaped, and cut to 200 characters. No text contains the
token or its signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from iiniit_guard.cli.explain.claims import OF_CLAIMS, Claims, Words
from iiniit_guard.cli.explain.words import number, shown, time_text, value
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.client_authentication import ClientAuthentication
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.diagnosis import Check, listed
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.reporting import escaped


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a token.

    Attributes:
        token: As received.
        header: Its JOSE header, unverified.
        claims: Its claims, unverified; None if it is not a JWT.
        is_opaque: Whether no reader could parse it as a JWS.
        answer: The introspection response; None without one.
        resource: The protected resource.
        server: The issuer; None if it is unknown.
        policy: The policy to satisfy.
        held: The verified token; None if it is refused before.
        has_issuer: False if `issuer_resolver` returned no issuer for the request.
        now: Seconds since the epoch.
    """

    token: str = field(repr=False)
    header: Mapping[str, Any] = field(repr=False)
    claims: Mapping[str, Any] | None = field(repr=False)
    is_opaque: bool
    answer: Mapping[str, Any] | None = field(repr=False)
    resource: ProtectedResource
    server: AuthorizationServer | None
    policy: Policy
    held: AccessToken | None
    has_issuer: bool
    now: float


def describe(check: Check, facts: Facts, of: str) -> Words:
    """Return what a check received and what it expected.

    Args:
        check: The check.
        facts: About the token.
        of: `token` or `response`: whose claims are checked.
    """
    if check in _OF_TOKEN:
        return _OF_TOKEN[check](facts)
    claims = facts.claims if of == "token" else facts.answer
    if facts.server is None:
        return shown(claims, check), "the requirements of a known issuer"
    return OF_CLAIMS[check](Claims(claims or {}, facts.server, facts.now, of == "response"))


def _credential(facts: Facts) -> Words:
    most = facts.resource.settings.max_token_bytes
    return f"{len(facts.token)} characters", f"at most {most}, all of b64token (RFC 6750 §2.1)"


def _header(facts: Facts) -> Words:
    names = ("alg", "kid", "typ", "crit", "zip")
    pairs = [f"{name}={value(facts.header[name])}" for name in names if name in facts.header]
    return " ".join(pairs) or "no JSON object", "a JOSE header with a known alg, no crit, no zip"


def _format(facts: Facts) -> Words:
    parts = facts.token.count(".") + 1
    kind = "an opaque token" if facts.is_opaque else number(parts, "part")
    expected = "a JWT of 3 parts"
    if any(server.introspects for server in facts.resource.servers):
        expected += ", or the prefix (token_prefix) of one issuer with introspection"
    return kind, expected


def _algorithm(facts: Facts) -> Words:
    return value(facts.header.get("alg")), listed(sorted(facts.resource.algorithms))


def _payload(facts: Facts) -> Words:
    return number(len(facts.claims or {}), "claim"), "a JSON object in canonical base64url"


def _issuer(facts: Facts) -> Words:
    resource = facts.resource
    names = listed(server.issuer for server in resource.servers)
    expected = "an issuer that the callable issuers returns" if resource.finds_issuers else names
    return shown(facts.claims, "iss"), expected


def _algorithm_of_issuer(facts: Facts) -> Words:
    server = facts.server
    return value(facts.header.get("alg")), "" if server is None else listed(
        sorted(server.algorithms)
    )


def _type(facts: Facts) -> Words:
    types = () if facts.server is None else facts.server.types
    received = value(facts.header["typ"]) if "typ" in facts.header else "(no typ)"
    return received, listed(sorted(typ or "(no typ)" for typ in types))


def _keys(facts: Facts) -> Words:
    server = facts.server
    if server is None:
        return "no issuer", "the key set of the issuer"
    settings = server.settings
    place = settings.jwks_file or settings.jwks_uri or "the jwks_uri of its metadata"
    keys = _key_set(server)
    return "no keys" if keys is None else number(len(keys), "key"), f"the key set: {place}"


def _key(facts: Facts) -> Words:
    keys = None if facts.server is None else _key_set(facts.server)
    names = () if keys is None else (each.kid or "(no kid)" for each in keys.keys)
    kid = value(facts.header["kid"]) if "kid" in facts.header else "(no kid)"
    return kid, f"one of {listed(names)}" if keys is not None else "a key of the issuer"


def _signature(facts: Facts) -> Words:
    return f"a signature by {value(facts.header.get('alg'))}", "made by that key"


def _status_list(facts: Facts) -> Words:
    status = (facts.claims or {}).get("status")
    listed_at = status.get("status_list") if isinstance(status, dict) else None
    members = listed_at if isinstance(listed_at, dict) else {}
    received = f"entry {value(members.get('idx'))} of {value(members.get('uri'))}"
    is_required = facts.server is not None and facts.server.settings.status_list == "required"
    usual = "0 (VALID) in a status list that the issuer signed"
    return received if members else "no status list", usual if is_required else f"{usual}, or none"


def _introspection(facts: Facts) -> Words:
    server = facts.server
    received = (
        "no response" if facts.answer is None else f"active={value(facts.answer.get('active'))}"
    )
    call = "" if server is None else f" from {introspection_call(server)}"
    return received, f"active=true{call}"


def _validators(facts: Facts) -> Words:
    functions = facts.resource.settings.validators
    names = listed(getattr(each, "__qualname__", type(each).__name__) for each in functions)
    return number(len(functions), "function"), f"True from {names}"


def _authentication(facts: Facts) -> Words:
    claims = facts.held.claims if facts.held is not None else facts.claims or {}
    policy = facts.policy
    age = f", auth_time within {policy.max_age} s" if policy.max_age is not None else ""
    acr = f"acr one of {listed(policy.acr_values)}" if policy.acr_values else "any acr"
    received = (
        f"acr={shown(claims, 'acr')} auth_time={time_text(claims.get('auth_time'), facts.now)}"
    )
    return received, f"{acr}{age}"


def _scopes(facts: Facts) -> Words:
    policy = facts.policy
    expected = (" and " if policy.match == "all" else " or ").join(policy.scopes)
    if facts.held is None:
        return shown(facts.claims, "scope"), expected
    return escaped(" ".join(sorted(facts.held.scopes))), expected


def _demands(facts: Facts) -> Words:
    held = facts.held
    found: list[str] = []
    if held is not None:
        found += [f"actor {value(each.subject or each.client_id)}" for each in held.actors[:1]]
        found += [f"detail {value(each['type'])}" for each in held.authorization_details]
    expected = " and ".join(demand.text for demand in facts.policy.demands)
    return listed(found) or "no actor and no authorization details", expected


_OF_TOKEN: Final[Mapping[Check, Callable[[Facts], Words]]] = {
    "credential": _credential,
    "header": _header,
    "format": _format,
    "algorithm": _algorithm,
    "payload": _payload,
    "issuer": _issuer,
    "algorithm of the issuer": _algorithm_of_issuer,
    "type": _type,
    "keys": _keys,
    "key": _key,
    "signature": _signature,
    "status list": _status_list,
    "introspection": _introspection,
    "validators": _validators,
    "authentication": _authentication,
    "scopes": _scopes,
    "demands": _demands,
}


def introspection_call(server: AuthorizationServer) -> str:
    """Return which call introspection makes, in words, without a secret."""
    if server.function is not None:
        name = getattr(server.function, "__qualname__", type(server.function).__name__)
        return f"the function {name} of the application"
    way = server.client_authentication
    endpoint = server.settings.introspection_endpoint
    place = endpoint or f"the introspection_endpoint in the metadata of {server.issuer}"
    return f"POST {place} as {client_of(way)}"


def client_of(way: ClientAuthentication) -> str:
    """Return the client and the method of a client authentication, without a secret."""
    client = getattr(way, "client_id", None)
    method = type(way).__name__
    return method if client is None else f"{client} ({method})"


def _key_set(server: AuthorizationServer) -> JwkSet | None:
    found = server.keys.value
    return found if isinstance(found, JwkSet) else None

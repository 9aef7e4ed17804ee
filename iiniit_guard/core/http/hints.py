"""Hints for the log: what to check, for each reason of a refusal and each cause of an outage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from iiniit_guard.core.model.diagnosis import Cause, Topic
from iiniit_guard.core.model.problem import Reason

_CLIENT: Final = "the request of the client; the settings of the guard are not the cause"
_CLOCK: Final = "the clocks of this host and of the issuer (NTP); then clock_leeway_seconds"
_ORDER: Final = "the other layers that read the same request: they may see another path or method"
_POLICY: Final = "the scopes that the client requests and the policy of this path"

HINTS: Final[Mapping[Reason, str]] = {
    Reason.NO_TOKEN: "whether a proxy in front of this server removes Authorization, or the "
    "field of token_header",
    Reason.SEVERAL_CREDENTIALS: "whether a proxy adds a second Authorization field",
    Reason.MALFORMED_HEADER: _CLIENT,
    Reason.TOKEN_TOO_LONG: "max_token_bytes, and why the issuer writes such long tokens",
    Reason.TOKEN_IN_QUERY: "the client: it must send the token in Authorization",
    Reason.MALFORMED_TOKEN: _CLIENT,
    Reason.UNSUPPORTED_ALGORITHM: "algorithms, and with which algorithm the issuer signs",
    Reason.UNSUPPORTED_CRITICAL: "the settings of the issuer: it writes a header parameter (crit) "
    "that the guard does not support",
    Reason.WRONG_TYPE: "whether the client sends an ID token or a refresh token instead of the "
    "access token; then profile",
    Reason.NOT_VERIFIED: _CLIENT,
    Reason.UNKNOWN_ISSUER: "issuer: it must equal iss exactly, also the trailing slash",
    Reason.UNKNOWN_KEY: "jwks_uri or jwks_file: they must belong to the issuer that signed; a key "
    "that was just rotated is fetched within keys_cooldown_seconds",
    Reason.BAD_SIGNATURE: "jwks_uri or jwks_file: the keys may be those of another environment",
    Reason.EXPIRED: "if every token is refused: the clock of this host; otherwise the client must "
    "fetch a new token",
    Reason.NOT_YET_VALID: _CLOCK,
    Reason.ISSUED_IN_FUTURE: _CLOCK,
    Reason.WRONG_AUDIENCE: "audience: it must equal a value of aud exactly, also the trailing "
    "slash; or the client requests the token for another API, or sends an ID token (its aud is the "
    "client)",
    Reason.MALFORMED_CLAIM: "profile, and which claims the issuer writes into its access tokens",
    Reason.INACTIVE: "the issuer: it says that the token expired, was revoked or is not its own",
    Reason.UNSUPPORTED_TOKEN_TYPE: 'jwt="verify", if the issuer writes JWTs: its introspection '
    "endpoint does not accept this kind of token",
    Reason.REVOKED: "the issuer: the token was revoked",
    Reason.REVOKED_BY_STATUS_LIST: "the issuer: its status list says that the token is revoked or "
    "suspended",
    Reason.FOREIGN_STATUS_LIST: "status_list_origins: it must contain the origin of the status "
    "lists that the tokens of the issuer name",
    Reason.UNSUPPORTED_CONFIRMATION: "the client: its token is bound to a key (DPoP or mTLS), so "
    "it must send the proof; then dpop",
    Reason.NO_CERTIFICATE: "client_certificate and trusted_proxies, and whether the server or the "
    "proxy requests a certificate and passes it on",
    Reason.WRONG_CERTIFICATE: "whether the client uses the certificate with which it got the token",
    Reason.MALFORMED_CERTIFICATE: "client_certificate: it must name the spelling of the proxy",
    Reason.UNBOUND_TOKEN: "bound_tokens, and whether the issuer binds the tokens of this client; "
    "a client must not send a bearer token under the scheme DPoP",
    Reason.NO_PROOF: "whether a proxy in front of this server removes the field DPoP",
    Reason.SEVERAL_PROOFS: "whether a proxy adds a second DPoP field",
    Reason.MALFORMED_PROOF: "the DPoP proof of the client; then dpop_algorithms",
    Reason.WRONG_PROOF_TARGET: "public_url, or trusted_proxies: the URI of the request must be the "
    "one that the client uses",
    Reason.WRONG_PROOF_TOKEN: "the client: its DPoP proof belongs to another token (ath)",
    Reason.WRONG_PROOF_KEY: "the client: another key signs its proofs than its token is bound to",
    Reason.BAD_PROOF_SIGNATURE: _CLIENT,
    Reason.STALE_PROOF: "the clocks of this host and of the client; then dpop_proof_age_seconds, "
    'or dpop_nonce = "required"',
    Reason.REPLAYED_PROOF: "the client: it must make a new DPoP proof for each request",
    Reason.PROOF_NONCE_REQUIRED: "nothing, if it happens once for each client; otherwise whether "
    "the processes have the same dpop_nonce_secret",
    Reason.TOO_MANY_PROOFS: "max_dpop_proofs: one client sends more requests than its sixteenth",
    Reason.PROOF_STORE_UNAVAILABLE: "the shared store (store_url), and max_dpop_proofs",
    Reason.REFUSED_BY_VALIDATOR: "require_claim and validators",
    Reason.UNKNOWN_CREDENTIAL: "alternatives: the function of this scheme returned None",
    Reason.MISSING_SCOPE: _POLICY,
    Reason.MISSING_AUTHORIZATION_DETAILS: _POLICY,
    Reason.ACTOR_REQUIRED: _POLICY,
    Reason.ACTOR_FORBIDDEN: _POLICY,
    Reason.INSUFFICIENT_AUTHENTICATION: _POLICY,
    Reason.NO_RULE: "the rules: none matches this method and path",
    Reason.AMBIGUOUS_PATH: _ORDER,
    Reason.METHOD_OVERRIDE: _ORDER,
    Reason.UNKNOWN_ORIGINAL: "gateway in guard.toml, and the fields that the gateway sends",
    Reason.UNTRUSTED_PEER: "server.trusted_proxies: it must contain the address of the gateway",
    Reason.FOREIGN_ORIGIN: "allowed_origins: it must contain the origin of each page that may use "
    "this server",
    Reason.HEADER_MISMATCH: "the client and the proxies in front: MCP-Protocol-Version, Mcp-Method "
    "and Mcp-Name must arrive once each, unchanged, and name what the body names",
    Reason.MALFORMED_MESSAGE: _CLIENT,
    Reason.ISSUER_UNAVAILABLE: "the issuer",
}

CAUSE_HINTS: Final[Mapping[Cause, str]] = {
    "connection": "host and port of the URL, DNS, firewall, and whether http_proxy is needed",
    "dropped": "a proxy or a firewall between this host and the issuer",
    "tls": "ca_file: it must contain the authority that signed the certificate; and the name in it",
    "timeout": "firewall and proxy on the way to the issuer; then timeout_seconds",
    "protocol": "whether the URL names an HTTP server, and whether a proxy is in between",
    "too_large": "whether the URL is the right one: the response is over 1 MiB",
    "answer": "whether the URL is the right one: call it with curl from this host",
    "credentials": "introspection: client_id, client_secret and the method that the issuer expects",
    "busy": "the response times of the issuer: too many calls wait for it",
    "waiting": "the last failure before this line",
    "file": "the path in the settings, and whether this user may read the file",
    "proof_store": "the shared store (store_url) and its memory; then max_dpop_proofs",
}

TOPIC_HINTS: Final[Mapping[Topic, str]] = {
    "opaque_token": "the token is not a JWT: set introspection (client_id, client_secret), or make "
    "the issuer write JWTs, often by requesting them for this audience",
    "encrypted_token": "the token is encrypted (JWE) or does not have three parts: make the "
    "issuer write signed JWTs, often by requesting them for this audience",
    "client_secret": "the file or the key with the secret of introspection",
    "metadata_issuer": "issuer: set it to the received value if that is the issuer of the tokens; "
    "metadata_url names the document of another issuer otherwise",
    "no_json": "whether a login page, a proxy or a firewall answers in place of the issuer",
    "store_secret": "store_secret: the file that holds it",
    "dpop_nonce_secret": "dpop_nonce_secret: the file that holds it",
    "discovery_token": "discovery_authentication: the file or the token",
    "other_origin": "discovery_authentication and http_headers are not sent to this URL, because "
    "only the metadata names its server: set jwks_uri to it",
    "signed_response": "introspection_signed: the issuer must sign its responses for the client of "
    "this API (introspection_signed_response_alg); introspection_response_audience: the aud that "
    "it writes",
    "status_list": "the URL in status.status_list.uri of the tokens: it must return a valid status "
    "list that the issuer signed; then status_list_origins",
    "many_status_lists": "the number and size of the status lists that the tokens of the issuer "
    "name: the guard fetches at most 16 new lists a second after a burst of 256, and keeps 32 MiB",
    "function": "the function in the setting introspection, and the server that it calls",
    "replaced_issuer": "nothing, if its settings changed; otherwise the function in the setting "
    "issuers, which must return equal settings each time: a lambda equals only itself",
}

"""Parts of the state of one issuer that depend on its settings alone."""

from __future__ import annotations

from iiniit_guard.core.claims.checks import ClaimChecks
from iiniit_guard.core.claims.confirmation import BINDINGS
from iiniit_guard.core.claims.further import FurtherChecks
from iiniit_guard.core.claims.profile import PROFILES
from iiniit_guard.core.claims.scope import scope_reading
from iiniit_guard.core.issuer.client_authentication import TlsClient
from iiniit_guard.core.issuer.joint_faults import tells_tokens_apart
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.flow import Connection


def claim_checks_of(settings: TrustedIssuer) -> ClaimChecks:
    """Return the checks of the claims of one issuer's tokens."""
    profile = PROFILES[settings.profile]
    strict = settings.profile == "rfc9068"
    implies = {scope: tuple(implied) for scope, implied in settings.scope_implies.items()}
    # The `exp` of an assertion is the deadline of the token that the gateway checked, so no leeway
    # applies.
    leeway = 0 if settings.profile == "assertion" else settings.expiry_leeway_seconds
    return ClaimChecks(
        issuer=settings.issuer,
        audiences=frozenset(settings.audiences),
        audience_claim=settings.audience_claim,
        exclusive=settings.audience_exclusive,
        strict=strict,
        scopes=scope_reading(
            strict=strict,
            also=tuple(settings.scope_claims),
            aliases=settings.scope_aliases,
            implies=implies,
            issuer=settings.issuer,
        ),
        further=FurtherChecks(
            required=settings.required_claims,
            subject_prefix=settings.subject_prefix or "",
            texts=profile.required,
            issued_at=profile.issued_at,
            bindings=BINDINGS[settings.bound_tokens],
        ),
        expiry_leeway_seconds=leeway,
        clock_leeway_seconds=settings.clock_leeway_seconds,
        missing_audience=settings.insecure_accept_missing_audience,
        missing_audience_in_jwt=settings.insecure_accept_missing_audience
        and settings.profile == "generic"
        and tells_tokens_apart(settings.required_claims),
        id_tokens=settings.insecure_accept_id_tokens,
        client_id_claims=tuple(settings.client_id_claims),
        token_id_claims=tuple(settings.token_id_claims),
        unnamed=profile.unnamed,
    )


def connection_of(settings: TrustedIssuer) -> Connection:
    """Return how to connect to one issuer."""
    client = settings.introspection if isinstance(settings.introspection, TlsClient) else None
    return Connection(
        settings.connect_seconds,
        settings.timeout_seconds,
        settings.ca_file,
        settings.http_proxy,
        None if client is None else client.certificate,
        None if client is None else client.key,
    )

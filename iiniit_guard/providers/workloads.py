"""Preset of workload identities: SPIFFE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Unpack

from iiniit_guard.providers.draft import Draft

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.settings.options import IssuerOptions

_TRUST_DOMAIN: Final = re.compile(r"[a-z0-9._-]{1,255}")  # SPIFFE-ID §2.1


def spiffe(
    trust_domain: str,
    *,
    audience: str | Sequence[str],
    bundle: str,
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of a trust domain of SPIFFE, whose workloads present JWT-SVIDs.

    Args:
        trust_domain: The name of the trust domain, such as `example.org`, without `spiffe://`.
        audience: The identifiers of the API that a workload requests its JWT-SVID for.
        bundle: The URL of the bundle of the trust domain, a JWK Set.
        settings: See `TrustedIssuer`.

    Raises:
        SettingsError: At least one parameter or setting is invalid.

    Spec: SPIFFE JWT-SVID §3, §4; SPIFFE Trust Domain and Bundle §4.
    """
    draft = Draft("spiffe", settings)
    name = draft.word("trust_domain", trust_domain, _TRUST_DOMAIN, "a trust domain in lower case")
    return draft.make(
        issuer=f"spiffe://{name}",
        audience=draft.words("audience", audience),
        jwks_uri=draft.url("bundle", bundle),
        profile="jwt-svid",
        subject_prefix=f"spiffe://{name}/",
    )

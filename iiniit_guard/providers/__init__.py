"""Settings of issuers by provider: each function returns a `TrustedIssuer` that fits the provider.

A preset fills in settings and decides about no token. Its parameters name what the provider calls
the parts; every other setting of `TrustedIssuer` may follow. No preset sets a setting that begins
with `insecure_`.
"""

from __future__ import annotations

from iiniit_guard.providers.clouds import cognito, entra, google
from iiniit_guard.providers.identity_services import auth0, okta
from iiniit_guard.providers.self_hosted import keycloak, ory, zitadel
from iiniit_guard.providers.workloads import spiffe

__all__ = ["auth0", "cognito", "entra", "google", "keycloak", "okta", "ory", "spiffe", "zitadel"]

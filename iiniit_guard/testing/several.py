"""Several issuers at once, for guards that trust more than one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iiniit_guard.core.model.flow import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.testing.faults import Answer
    from iiniit_guard.testing.issuer import Issuer


def trusted(issuer: Issuer, **settings: Any) -> TrustedIssuer:
    """Give what `Guard(issuers=[...])` takes, so that the guard trusts `issuer` and is known to it.

    >>> from iiniit_guard import Guard
    >>> from iiniit_guard.testing import Issuer
    >>> one, two = Issuer("https://one.test"), Issuer("https://two.test")
    >>> guard = Guard(issuers=[trusted(one), trusted(two, introspection=None)], transport=network(one, two))
    >>> guard.verify(two.token()).issuer
    'https://two.test'
    >>> guard.close()

    Args:
        issuer: Whose tokens are to be accepted.
        settings: Of `TrustedIssuer`.
    """
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer

    wired: dict[str, Any] = {
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "introspection": issuer.credentials("client_secret_basic"),
    }
    return TrustedIssuer(**{**wired, **settings})


def network(*issuers: Issuer) -> Callable[[HttpRequest], Answer]:
    """Give a `Guard(transport=...)` that reaches each of `issuers` below its identifier, and nobody else."""

    def handle(request: HttpRequest) -> Answer:
        origins = [issuer for issuer in issuers if request.url.startswith(issuer.issuer.rstrip("/") + "/")]
        return origins[0].handle(request) if origins else Unreachable("connection", "there is no such host")

    return handle

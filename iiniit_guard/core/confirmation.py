"""The proof of possession of a request: each binding of its token to a key must be proven.

Every token with `cnf` passes `confirm`, also a cached one. The fast paths never return such a
token.

Spec: RFC 7800 §3.1, RFC 9449 §7.1, RFC 8705 §3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from iiniit_guard.core.certificate_binding import certificate_problem
from iiniit_guard.core.claims.confirmation import CERTIFICATE_THUMBPRINT, KEY_THUMBPRINT
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource import ProtectedResource


class Possession(NamedTuple):
    """The request whose sender must prove possession of the keys of its token.

    Attributes:
        request: The request.
        resource: The protected resource, with the settings.
    """

    request: Request
    resource: ProtectedResource


Check: TypeAlias = Callable[[str, Possession], Problem | None]
"""Called with the thumbprint in `cnf`; returns None if the sender proved possession of the key."""


def _unproven(_thumbprint: str, _possession: Possession) -> Problem | None:
    return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]


def _certificate(thumbprint: str, possession: Possession) -> Problem | None:
    """Check that the client presented the certificate of the token (RFC 8705 §3)."""
    found = possession.resource.certificates.find(possession.request)
    return certificate_problem(thumbprint, found)


CHECKS: Final[Mapping[str, Check]] = {
    KEY_THUMBPRINT: _unproven,
    CERTIFICATE_THUMBPRINT: _certificate,
}
"""The check of each member of `cnf` in `METHODS`."""


def confirm(token: AccessToken, possession: Possession) -> Problem | None:
    """Return why the sender of a request may not use its token; None if it may.

    Two bindings of one token must both be proven.
    """
    bound = token.confirmation
    if bound is None:
        return None
    problems = [check(bound[name], possession) for name, check in CHECKS.items() if name in bound]
    # `is_confirmable` accepted at least one member. Without one, nothing would be proven.
    if not problems:
        return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
    return next((problem for problem in problems if problem is not None), None)

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
from iiniit_guard.core.dpop.presented_proof import PresentedProof
from iiniit_guard.core.http.bearer import BEARER, DPOP
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource import ProtectedResource


class Possession(NamedTuple):
    """The request whose sender must prove possession of the keys of its token.

    Attributes:
        request: The request.
        resource: The protected resource, with the settings.
        proof: The DPoP proof, if the credential has the scheme DPoP.
    """

    request: Request
    resource: ProtectedResource
    proof: PresentedProof | None = None


Check: TypeAlias = Callable[[str, Possession], Problem | None]
"""Called with the thumbprint in `cnf`; returns None if the sender proved possession of the key."""


def _check_proof(thumbprint: str, possession: Possession) -> Problem | None:
    """Check the key of the DPoP proof (RFC 9449 §7.1).

    A bound token under the scheme Bearer has no proof, so a thief could present it too.
    """
    proof = possession.proof
    if proof is None:
        return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
    return possession.resource.proofs.check_signer(thumbprint, proof)


def _check_certificate(thumbprint: str, possession: Possession) -> Problem | None:
    """Check that the client presented the certificate of the token (RFC 8705 §3)."""
    found = possession.resource.certificates.find(possession.request)
    return certificate_problem(thumbprint, found)


CHECKS: Final[Mapping[str, Check]] = {
    KEY_THUMBPRINT: _check_proof,
    CERTIFICATE_THUMBPRINT: _check_certificate,
}
"""The check of each member of `cnf` in `METHODS`."""


def confirm(token: AccessToken, possession: Possession) -> Problem | None:
    """Return why the sender of a request may not use its token; None if it may.

    Two bindings of one token must both be proven.
    """
    bound = token.confirmation
    if possession.proof is not None and (bound is None or KEY_THUMBPRINT not in bound):
        return PROBLEMS[Reason.UNBOUND_TOKEN]  # RFC 9449 §7.1: the proof would prove nothing
    if bound is None:
        return None
    proven = 0
    for name, check in CHECKS.items():
        if name in bound:
            problem = check(bound[name], possession)
            if problem is not None:
                return problem
            proven += 1
    # `is_confirmable` accepted at least one member. Without one, nothing would be proven.
    return None if proven else PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]


def scheme_of(token: AccessToken) -> str:
    """Return the scheme under which a token that passed was presented, in lower case."""
    bound = token.confirmation
    return DPOP if bound is not None and KEY_THUMBPRINT in bound else BEARER


def used_scheme(request: Request) -> str:
    """Return the scheme of the access token of a request, in lower case; `bearer` without one."""
    value = request.header(b"authorization")
    scheme = b"" if value is None else value.partition(b" ")[0].lower()
    return DPOP if scheme == DPOP.encode() else BEARER

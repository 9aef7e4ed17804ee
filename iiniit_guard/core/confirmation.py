"""The proof of possession of a request: each binding of its token to a key must be proven.

Every token with `cnf` passes `confirm`, also a cached one. The fast paths never return such a
token.

Spec: RFC 7800 §3.1, RFC 9449 §7.1, RFC 8705 §3.
"""

from __future__ import annotations

from iiniit_guard.core.certificate_binding import certificate_problem
from iiniit_guard.core.claims.confirmation import CERTIFICATE_THUMBPRINT, KEY_THUMBPRINT
from iiniit_guard.core.dpop.presented_proof import PresentedProof
from iiniit_guard.core.http.bearer import BEARER, DPOP
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource import ProtectedResource


def confirm(
    token: AccessToken,
    request: Request,
    resource: ProtectedResource,
    proof: PresentedProof | None,
) -> Problem | None:
    """Return why the sender of a request may not use its token; None if it may.

    Two bindings of one token must both be proven.

    Args:
        token: The token of the request.
        request: The request. Its sender must prove possession of the keys of the token.
        resource: The protected resource.
        proof: The DPoP proof, if the credential has the scheme DPoP.
    """
    bound = token.confirmation
    if bound is None:  # RFC 9449 §7.1: the proof would prove nothing
        return None if proof is None else PROBLEMS[Reason.UNBOUND_TOKEN]
    names_certificate = CERTIFICATE_THUMBPRINT in bound
    if KEY_THUMBPRINT in bound:
        if proof is None:
            # RFC 9449 §7.1: the scheme Bearer has no proof, so a thief could send the token.
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        problem = resource.proofs.check_signer(bound[KEY_THUMBPRINT], proof)
        if problem is not None:
            return problem
    elif proof is not None:
        return PROBLEMS[Reason.UNBOUND_TOKEN]
    elif not names_certificate:
        # `is_confirmable` accepted at least one member. Without one, nothing would be proven.
        return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
    if not names_certificate:
        return None
    # RFC 8705 §3: the client must present the certificate of the token.
    found = resource.certificates.find(request)
    return certificate_problem(bound[CERTIFICATE_THUMBPRINT], found)


def scheme_of(token: AccessToken) -> str:
    """Return the scheme under which a token that passed was presented, in lower case."""
    bound = token.confirmation
    return DPOP if bound is not None and KEY_THUMBPRINT in bound else BEARER


def used_scheme(request: Request) -> str:
    """Return the scheme of the access token of a request, in lower case; `bearer` without one."""
    value = request.header(b"authorization")
    scheme = b"" if value is None else value.partition(b" ")[0].lower()
    return DPOP if scheme == DPOP.encode() else BEARER

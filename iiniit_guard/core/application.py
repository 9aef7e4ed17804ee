"""Calls of the application's functions that take part in a decision."""

from __future__ import annotations

from collections.abc import Callable

from iiniit_guard.core.http.bearer import Credential
from iiniit_guard.core.issuer.registry import is_issuer_name
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.flow import Call, Flow
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.errors import UsageError


def request_issuer(request: Request, resolver: Callable[[Request], object]) -> Flow[str | None]:
    """Call the application to find the issuer of this request.

    Returns:
        None also for a name that no issuer can have.

    Raises:
        UsageError: The application returns neither a string nor None.
    """
    issuer = yield Call(resolver, (request,))
    if issuer is not None and not isinstance(issuer, str):
        raise UsageError("issuer_resolver must return the issuer identifier as a string, or None")
    return issuer if issuer is not None and is_issuer_name(issuer) else None


def validate(
    token: AccessToken, request: Request, resource: ProtectedResource
) -> Flow[AccessToken | Problem]:
    """Return the token if every validator accepts it, otherwise the problem."""
    for validator in resource.settings.validators:
        if (yield Call(validator, (token, request))) is not True:
            return PROBLEMS[Reason.REFUSED_BY_VALIDATOR].about(check="validators")
    return token


def ask_alternative(
    credential: Credential, request: Request, resource: ProtectedResource
) -> Flow[Principal | Problem]:
    """Call the application's function for a credential of another scheme.

    The scheme alone selects the function. No credential is tried by two functions.
    """
    scheme, function = resource.alternatives[credential.scheme]
    answer = yield Call(function, (credential.value, request))
    if answer is None:
        return PROBLEMS[Reason.UNKNOWN_CREDENTIAL]
    if not isinstance(answer, Principal) or answer.scheme != scheme:
        raise UsageError(f"alternatives: {scheme}: must be a Principal of this scheme, or None")
    return answer

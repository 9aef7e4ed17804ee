"""The authentication class: the user and the token of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rest_framework.request import Request

from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.django.responses import RequestRefused
from iiniit_guard.rest_framework.asked import Asked
from iiniit_guard.rest_framework.users import TokenUser

if TYPE_CHECKING:
    # Django REST framework has no types, and a class with an unknown base has none either.
    class BaseAuthentication:
        """The base class of authentications."""

    class APIException(Exception):
        """The base class of exceptions."""

else:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException

_OPTIONAL: Final = Policy(anonymous=True)


class AuthenticationRefused(RequestRefused, APIException):
    """The guard refused the request.

    After an `APIException`, Django REST framework treats the request as anonymous and does not
    authenticate it again, for example when it renders the response.
    """

    status_code = 403


class GuardAuthentication(BaseAuthentication):
    """Authentication by the access token that the guard verified.

    `request.auth` is the `AccessToken`, or the `Principal` of another credential. `request.user`
    is what `get_user` returns. If the middleware let the request pass without a decision, for
    example with `enforce="declared"`, the guard decides here: an invalid token is refused, and a
    request without a token is anonymous. In a `@public` view and on a public path every request is
    anonymous.

    Every refusal has the status, header fields and body that the guard sends everywhere. If this
    class is the first in `authentication_classes`, this includes the response for
    `NotAuthenticated`.
    """

    def get_user(self, token: AccessToken) -> object:
        """Return the user for `token`. Override it to return a user of the application.

        Returns:
            A user, or None if the application does not accept the token. A user whose `is_active`
            is False is not accepted either. The guard then answers 401 with the reason
            `refused_by_validator`.
        """
        return TokenUser(token)

    def get_user_of_principal(self, principal: Principal) -> object:
        """Return the user for another credential than an access token; see `get_user`."""
        return TokenUser(principal)

    def authenticate(self, request: Request) -> tuple[object, AccessToken | Principal] | None:
        """Return the user and the credential of `request`; None if it has no credential.

        Raises:
            RequestRefused: The credential, or its user, is not accepted.
            UsageError: The guard's middleware did not run.
        """
        asked = Asked(request)
        if not asked.has_credential:
            refusal = None if asked.is_public else asked.refusal(_OPTIONAL)
            # Without a token, the next authentication class may know the credential.
            if refusal is not None and refusal.reason != Reason.NO_TOKEN:
                asked.record(refusal)
                raise AuthenticationRefused
        credential = asked.credential
        if credential is None:
            return None
        user = (
            self.get_user(credential)
            if isinstance(credential, AccessToken)
            else self.get_user_of_principal(credential)
        )
        if user is None or not getattr(user, "is_active", True):
            asked.record(asked.refusal_of_user())
            raise AuthenticationRefused
        return user, credential

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401, and let the middleware send the guard's own refusal.

        Django REST framework calls this method only for a response to `NotAuthenticated` or
        `AuthenticationFailed`.
        """
        asked = Asked(request)
        refusal = asked.refusal(ANY_TOKEN)
        if refusal is not None:
            asked.record(refusal)
        return (refusal and refusal.header("WWW-Authenticate")) or "Bearer"

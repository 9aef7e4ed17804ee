"""The decisions of the guard about a request of Django REST framework."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from iiniit_guard.adapting.decorators import (
    consider,
    is_noted,
    is_permitted,
    is_public,
    reject,
)
from iiniit_guard.adapting.request_state import PRINCIPAL_KEY, TOKEN_KEY, record_refusal
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Refusal
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.django.settings import load
from iiniit_guard.django.state import HOST, read_request, show_token, state_of


class Asked:
    """A request, about which the middleware may have decided already.

    Args:
        request: Django's request, or the request of Django REST framework around it.
    """

    def __init__(self, request: Request | HttpRequest) -> None:
        self._request: HttpRequest = getattr(request, "_request", request)
        self._method: str | None = request.method

    @property
    def credential(self) -> AccessToken | Principal | None:
        """The verified credential; None if there is none."""
        state = state_of(self._request)
        found: AccessToken | Principal | None = state.get(TOKEN_KEY) or state.get(PRINCIPAL_KEY)
        return found

    @property
    def has_credential(self) -> bool:
        """Whether the middleware or a decorator has verified a credential.

        Raises:
            UsageError: The guard's middleware did not run.
        """
        return is_noted(state_of(self._request))

    @property
    def is_public(self) -> bool:
        """Whether the credentials of the request are not checked: a `@public` view or path."""
        match = self._request.resolver_match
        return is_public(getattr(match, "func", None)) or load()[1].lists_as_public(
            self._request.path_info
        )

    def is_probe(self, view: Any) -> bool:
        """Return whether Django REST framework checks permissions without answering a request.

        The browsable API and the response to OPTIONS check the permissions of other methods, to
        find out which forms and fields to show. A refusal of such a check is not sent.
        """
        return self._method != self._request.method or "response" in getattr(view, "__dict__", ())

    def permits(self, policy: Policy) -> bool:
        """Return whether the verified credential satisfies `policy`, for a probe.

        No event is reported, and the policy does not become one of this request.
        """
        return is_permitted(state_of(self._request), policy, probe=True)

    def refusal(self, policy: Policy | None) -> Refusal | None:
        """Return the refusal of the request if it does not satisfy `policy`; None if it does.

        No request satisfies None, the policy of a method or action without scopes.
        """
        if policy is None:
            return self.refusal_for(PROBLEMS[Reason.NO_RULE])
        state = state_of(self._request)
        if is_permitted(state, policy):
            return None
        decision = consider(state, partial(read_request, self._request), policy, HOST)
        show_token(self._request)
        return decision if isinstance(decision, Refusal) else None

    def refusal_for(self, problem: Problem) -> Refusal:
        """Return the refusal for a problem that was found outside the guard."""
        return reject(state_of(self._request), read_request(self._request), problem, HOST)

    def refusal_of_user(self) -> Refusal:
        """Return the refusal of a token whose user the application does not accept."""
        return self.refusal_for(PROBLEMS[Reason.REFUSED_BY_VALIDATOR])

    def record(self, refusal: Refusal) -> None:
        """Make the middleware send `refusal` in place of the response."""
        record_refusal(state_of(self._request), refusal)

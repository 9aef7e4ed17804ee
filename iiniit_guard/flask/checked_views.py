"""Check that the view that is about to run is the one that the guard admitted."""

from __future__ import annotations

from collections.abc import ItemsView, ValuesView
from functools import update_wrapper
from typing import TYPE_CHECKING

from flask import Response

from iiniit_guard.adapting.types import Handler
from iiniit_guard.flask.record import ADMISSION_KEY, ANY_VIEW
from iiniit_guard.flask.refused import current_request, raise_refusal

if TYPE_CHECKING:
    from iiniit_guard.flask.before_request import BeforeRequest


class ViewCheck:
    """The check before a view of one application runs.

    Args:
        before: Makes the decisions.
    """

    def __init__(self, before: BeforeRequest) -> None:
        self._before = before

    def admits(self, endpoint: str, view: object) -> bool:
        """Return whether `view`, of `endpoint`, is admitted for the current request.

        True without a request.
        """
        try:
            record = current_request().environ.get(ADMISSION_KEY)
        except RuntimeError:
            return True
        return record is not None and (
            record.admitted is ANY_VIEW
            or (record.admitted is view and record.part is self._before.parts.of(endpoint))
        )

    def refusal_of(self, function: object) -> Response | None:
        """Return the refusal of the current request if `function` is its view, not yet admitted."""
        rule = current_request().url_rule
        if rule is None or function is not self._before.view_of(rule.endpoint):
            return None
        return self.refusal_of_view(rule.endpoint, function)

    def refusal_of_view(self, endpoint: str, view: object) -> Response | None:
        """Return the refusal of the current request if `view`, of `endpoint`, was not admitted."""
        response = self.refusal_of_undecided()
        if response is not None or self.admits(endpoint, view):
            return response
        return self._before.decide_again(current_request().environ, endpoint, view)

    def refusal_of_undecided(self) -> Response | None:
        """Decide about the current request, unless a decision was made, and return its refusal."""
        asked = current_request()
        record = asked.environ.get(ADMISSION_KEY)
        is_undecided = record is None or record.admitted is None
        return self._before.decide(asked) if is_undecided else None


class CheckedViews(dict[str, Handler]):
    """The views of an application that overrides `dispatch_request`.

    A lookup returns a view that was not admitted as a `CheckedView`.
    """

    def __init__(self, views: dict[str, Handler], check: ViewCheck) -> None:
        super().__init__(dict.items(views))
        self._check = check

    def __getitem__(self, endpoint: str) -> Handler:
        view = super().__getitem__(endpoint)
        return (
            view if self._check.admits(endpoint, view) else CheckedView(endpoint, view, self._check)
        )

    def get(self, endpoint: str, default: object = None) -> object:  # type: ignore[override]  # its overloads
        """Return the view of `endpoint`."""
        try:
            return self[endpoint]
        except KeyError:
            return default

    def values(self) -> ValuesView[Handler]:  # type: ignore[override]  # dict_values
        """Return the views."""
        return ValuesView(self)

    def items(self) -> ItemsView[str, Handler]:  # type: ignore[override]  # dict_items
        """Return endpoints and views."""
        return ItemsView(self)


class CheckedView:
    """A view that the guard checks when it is called, with the attributes of the original view."""

    def __init__(self, endpoint: str, view: Handler, check: ViewCheck) -> None:
        update_wrapper(self, view)
        self._endpoint = endpoint
        self._view = view
        self._check = check

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Run the view.

        Raises:
            Refused: The view needs a token, and the request has no valid one.
        """
        return self.checked()(*args, **kwargs)

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)

    def checked(self) -> Handler:
        """Return the view after checking that it may run.

        Raises:
            Refused: The view needs a token, and the request has no valid one.
        """
        raise_refusal(self._check.refusal_of_view(self._endpoint, self._view))
        return self._view

"""The record of which view the guard admitted for one request to a Flask application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from iiniit_guard.adapting.wsgi_response import ResponseRecord

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

ADMISSION_KEY: Final = "iiniit_guard.flask.admission"
ANY_VIEW: Final = object()
NO_VIEW: Final = object()


class DecidingLate(Protocol):
    """The object that an admission calls if a response is about to start before any decision."""

    def decide_late(self, record: AdmissionRecord, environ: WSGIEnvironment) -> None:
        """See `BeforeRequest.decide_late`."""
        ...


class AdmissionRecord(ResponseRecord):
    """The record of one request, which all copies of its environ share.

    Attributes:
        admitted: The view that may run, `ANY_VIEW` or `NO_VIEW`; None before the decision.
        part: The guarded part to which the view belongs; None if it is outside every part.
    """

    admitted: object = None
    part: object = None

    def __init__(self, environ: WSGIEnvironment, guard: DecidingLate) -> None:
        self._environ = environ
        self._guard = guard

    def decide(self) -> None:
        """Decide about the request as the client sent it, unless a decision was made."""
        if self.admitted is None:
            self._guard.decide_late(self, self._environ)

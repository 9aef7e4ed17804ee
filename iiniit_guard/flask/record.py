"""The record of which view the guard admitted for one request to a Flask application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from iiniit_guard.adapting.response_record import ResponseRecord
from iiniit_guard.adapting.token_watch import WatchSettings
from iiniit_guard.core.model.request import request_from_environ
from iiniit_guard.flask.parts import Part, Parts
from iiniit_guard.flask.refused import HOST

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

ADMISSION_KEY: Final = "iiniit_guard.flask.admission"
ANY_VIEW: Final = object()
NO_VIEW: Final = object()


class DecidingLate(Protocol):
    """The object that an admission calls if a response is about to start before any decision."""

    parts: Parts

    def decide_late(self, record: AdmissionRecord, environ: WSGIEnvironment) -> None:
        """See `BeforeRequest.decide_late`."""
        ...


class AdmissionRecord(ResponseRecord):
    """The record of one request, which all copies of its environ share.

    Attributes:
        admitted: The view that may run, `ANY_VIEW` or `NO_VIEW`; None before the decision.
        part: The guarded part to which the view belongs; None if it is outside every part.
    """

    part: Part | None = None
    has_token = False

    def __init__(self, environ: WSGIEnvironment, guard: DecidingLate) -> None:
        ResponseRecord.__init__(self, environ)
        self._guard = guard

    @property
    def watching(self) -> WatchSettings | None:  # type: ignore[override]  # it is never assigned
        """The watcher of a streaming response. A view outside every part uses the first guard."""
        if not self.has_token:
            return None
        part, read = self.part or self._guard.parts.first, request_from_environ
        return WatchSettings(part.engine, part.admission, HOST, read)

    def decide(self) -> None:
        """Decide about the request as the client sent it."""
        self._guard.decide_late(self, self.environ)

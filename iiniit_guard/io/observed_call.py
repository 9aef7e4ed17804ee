"""A call to an authorization server, as the listener `on_call` sees it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from iiniit_guard.core.model.flow import HttpResponse, Unreachable
from iiniit_guard.core.model.outgoing_call import CallResult, OutgoingCall
from iiniit_guard.io.failure_log import FailureLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.core.model.outgoing_call import OnCall

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_VALUE: Final = re.compile(r"[!-~]+(?:[ \t]+[!-~]+)*")


class CallListener(NamedTuple):
    """The listener `on_call` of one guard, and the log of its exceptions."""

    on_call: OnCall
    log_failure: FailureLog

    @classmethod
    def of(cls, on_call: OnCall | None) -> CallListener | None:
        """Return the listener, or None without one."""
        return None if on_call is None else cls(on_call, FailureLog("on_call"))


class ObservedCall:
    """The context of one call: the listener is called at its begin and at its end.

    The exceptions of the listener are logged. They do not change the call.

    Args:
        request: The request of the guard.
        listener: The listener.

    Attributes:
        request: The request to send: with the header fields that the listener added.
        reply: What came of it. None means that the call was cancelled.
    """

    __slots__ = ("_end", "_listener", "_started", "reply", "request")

    def __init__(self, request: HttpRequest, listener: CallListener) -> None:
        self.request: HttpRequest = request
        self.reply: HttpResponse | Unreachable | None = None
        self._listener = listener
        self._end: Callable[[CallResult], object] | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        if self.request.purpose is not None:
            call = OutgoingCall(self.request.purpose, self.request.method, self.request.url)
            try:
                self._end = self._listener.on_call(call)
                self.request = _with_headers(self.request, call.headers)
            except Exception as error:  # noqa: BLE001 - a listener must not prevent a call
                self._listener.log_failure(error)
            self._started = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._end is None:
            return
        try:
            self._end(self._result(time.perf_counter() - self._started))
        except Exception as failure:  # noqa: BLE001 - a listener must not change a reply
            self._listener.log_failure(failure)

    def _result(self, seconds: float) -> CallResult:
        match self.reply:
            case HttpResponse(status):
                return CallResult(seconds, status, None)
            case Unreachable(cause):
                return CallResult(seconds, None, cause)
            case _:
                return CallResult(seconds, None, "cancelled")


def _with_headers(request: HttpRequest, headers: dict[str, str]) -> HttpRequest:
    """Return the request with further header fields.

    Raises:
        ValueError: A field is not valid, or the guard sends it itself.
    """
    own = {name.lower() for name, _ in request.headers}
    for name, value in headers.items():
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)) or name.lower() in own:
            raise ValueError(name)
    return replace(request, headers=(*request.headers, *headers.items())) if headers else request

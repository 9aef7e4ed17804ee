"""The record of one WSGI request and its response, and the exceptions that abort the response."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.adapting.refusal import add_headers, replace_headers
from iiniit_guard.adapting.request_state import RefusalRecord
from iiniit_guard.adapting.token_watch import TokenWatch
from iiniit_guard.core.model.decision import Refusal

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from iiniit_guard.adapting.token_watch import WatchSettings
    from iiniit_guard.adapting.types import Args

NOTE: Final = "streaming response"
"""Names the kind of connection in the log and in the event."""


class ResponseRecord(RefusalRecord):
    """The refusal of one request, its response, and the end of its token.

    The record holds the arguments of `start_response` back until the first byte, because gunicorn
    cannot replace header fields afterwards. `respond` sets `server`.

    Args:
        environ: The attribute.

    Attributes:
        environ: The environ that the middleware received.
        server: `start_response` of the server.
        admitted: What the decision permits to run; None before the decision.
        asked: The arguments of `start_response`; empty before the application calls it.
        sent: Whether the response has begun.
        plain_body: A type, or None. An iterable of exactly this type runs no other code.
        watching: The watcher of a streaming response; None if the token is not checked again.
    """

    server: StartResponse
    plain_body: type | None = None
    watching: WatchSettings | None = None
    watch: TokenWatch | None = None
    _write: Callable[[bytes], object]  # `write` of the server, after the response was started

    def __init__(self, environ: WSGIEnvironment) -> None:
        # Python reads an attribute of the object faster than a default of its class.
        self.environ = environ
        self.admitted: object = None
        self.refusal: Refusal | None = None
        self.added: tuple[tuple[str, str], ...] = ()
        self.asked: Args = ()
        self.sent: bool = False

    def decide(self) -> None:
        """Decide about a request whose response is about to start before any decision.

        The default does nothing, because a WSGI middleware decides before it calls `respond`.
        """

    def start_response(
        self, status: str, response_headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Store the arguments of the application.

        After the first byte, call the server's function, which raises the exception in `exc_info`.

        Raises:
            AssertionError: The application called the function before and passes no `exc_info`.
                Servers raise the same exception.
        """
        if exc_info is None:
            if self.asked:
                raise AssertionError(
                    "start_response was called before: pass exc_info to replace what it started"
                )
            self.asked = (status, response_headers)
        elif self.sent:
            self.server(status, response_headers, exc_info)
        else:
            self.asked = (status, response_headers, exc_info)
        return self._send_at_once

    def _send_at_once(self, chunk: bytes) -> None:
        """Send `chunk`, as `write` of PEP 3333 does; discard it without a permission."""
        if self.sent:
            if self.permits():
                self._write(chunk)
        elif self.begin():
            self.start_watch()
            self._write(chunk)

    def is_refused(self) -> bool:
        """Return whether a refusal replaces the response that is about to start."""
        if self.refusal is None and self.admitted is None:
            self.decide()
        return self.refusal is not None

    def begin(self) -> bool:
        """Start the response unless a refusal replaces it, and return whether it has begun.

        `start_response` of the server is called once, with the arguments of the application. If the
        application never called `start_response`, the server reports that error.
        """
        if (self.refusal is not None or self.admitted is None) and self.is_refused():
            return False
        if self.sent:
            return True
        self.sent = True
        asked = self.asked
        if not asked:
            return True
        if len(asked) > 2:
            self.asked = asked[:2]  # exc_info would keep frames alive
        if self.added:
            asked = (asked[0], add_headers(self.added, asked[1]), *asked[2:])
        self._write = self.server(*asked)
        return True

    def refuse(self) -> list[bytes]:
        """Start the recorded refusal and return its body. Header fields of other layers are kept.

        Raises:
            ResponseAborted: Another response has begun.
        """
        refusal = self.refusal
        if refusal is None or self.sent:
            raise ResponseAborted
        self.sent = True
        replaced = self.asked[1] if self.asked else ()
        self.asked = self.asked[:2]  # exc_info would keep frames alive
        self.server(refusal.status_line, replace_headers(refusal, replaced))
        is_head = self.environ.get("REQUEST_METHOD") == "HEAD"
        return [] if is_head or not refusal.body else [refusal.body]

    def permits(self) -> bool:
        """Return whether a chunk after the first may be sent; False if it is discarded.

        Block while the token is checked again, if needed.

        Raises:
            ResponseAborted: A handler recorded a refusal, or the token is no longer valid.
        """
        if self.refusal is not None:
            raise ResponseAborted
        watch = self.watch
        if watch is None:  # a handler may verify a token after the response has begun
            self.start_watch()
            return True
        if watch.is_current() or watch.permits():
            return True
        if watch.discards:
            return False
        raise TokenEnded

    def start_watch(self) -> None:
        """Watch the token from now on, unless it is not checked again.

        Called before the first chunk: the application may wait for hours before the second one.
        """
        watching = self.watching
        if watching is not None:
            self.watch = TokenWatch(watching, self, self.environ, NOTE)

    def require_end(self) -> None:
        """Check that the response may end as if it were complete.

        Raises:
            ResponseAborted: A handler recorded a refusal, or the token is no longer valid.
        """
        if not self.permits():
            raise TokenEnded

    def end(self) -> None:
        """Release the watch. Its reference to this record would leave both to the collector."""
        self.watch = None


class ResponseAborted(Exception):
    """A guarded handler refused a request whose response had begun. The server must abort it."""

    def __init__(self) -> None:
        super().__init__(
            "a guarded handler refused the request after its response had begun; the server must "
            "drop the connection"
        )


class TokenEnded(ResponseAborted):
    """The token of a streaming response is no longer valid. The server must abort the response."""

    def __init__(self) -> None:
        Exception.__init__(
            self,
            "the access token of this streaming response is no longer valid; the server must drop "
            "the connection",
        )

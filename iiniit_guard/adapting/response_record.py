"""The record of one WSGI request, and the exceptions that abort its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.request_state import RefusalRecord
from iiniit_guard.adapting.token_watch import TokenWatch

if TYPE_CHECKING:
    from iiniit_guard.adapting.token_watch import WatchSettings
    from iiniit_guard.adapting.types import ReadState

NOTE: Final = "streaming response"
"""Names the kind of connection in the log and in the event."""


class ResponseRecord(RefusalRecord):
    """The refusal of one request, which response `respond` need not wrap, and the end of its token.

    Attributes:
        plain_body: A type, or None. An iterable of exactly this type runs no other code.
        source: The watcher of a streaming response, and the environ that the middleware received;
            None if the token is not checked again.
    """

    plain_body: type | None = None
    source: tuple[WatchSettings, ReadState] | None = None
    _watch: TokenWatch | None = None

    def decide(self) -> None:
        """Decide about a request whose response is about to start before any decision.

        The default does nothing, because a WSGI middleware decides before it calls `respond`.
        """

    def permits(self) -> bool:
        """Return whether a chunk after the first may be sent; False if it is discarded.

        Block while the token is checked again, if needed.

        Raises:
            ResponseAborted: A handler recorded a refusal, or the token is no longer valid.
        """
        if self.refusal is not None:
            raise ResponseAborted
        watch = self._watch
        if watch is None:
            if self.source is not None:
                self._watch = TokenWatch(self.source[0], self, self.source[1], NOTE)
            return True
        if watch.is_current() or watch.permits():
            return True
        if watch.discards:
            return False
        raise TokenEnded

    def require_end(self) -> None:
        """Check that the response may end as if it were complete.

        Raises:
            ResponseAborted: A handler recorded a refusal, or the token is no longer valid.
        """
        if not self.permits():
            raise TokenEnded


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

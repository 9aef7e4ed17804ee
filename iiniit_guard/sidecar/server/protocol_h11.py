"""uvicorn's h11 protocol with connection limits, used if httptools is not installed."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from iiniit_guard.sidecar.server.connection_limits import Bounded


class BoundedH11(Bounded, H11Protocol):
    """A connection with a limit on the time of request heads.

    h11 itself limits the size of a head, and uvicorn does not read trailers from h11.
    """

    def data_received(self, data: bytes) -> None:
        """Parse the data, and update the deadline of the request head."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._head_came()
        self._expect_rest()

    def on_response_complete(self) -> None:
        """Start the deadline if part of the next request has already arrived."""
        super().on_response_complete()
        self._expect_rest()

    def _expect_rest(self) -> None:
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._expect_head()

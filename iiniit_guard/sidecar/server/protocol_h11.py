"""uvicorn's h11 protocol with bounds, for where httptools is not installed."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from iiniit_guard.sidecar.server.connection_limits import Bounded


class BoundedH11(Bounded, H11Protocol):
    """h11 bounds the bytes of a head itself, and uvicorn reads no trailers from it."""

    def data_received(self, data: bytes) -> None:
        """Read on."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._head_came()
        self._expect_rest()

    def on_response_complete(self) -> None:
        """Look at what came meanwhile."""
        super().on_response_complete()
        self._expect_rest()

    def _expect_rest(self) -> None:
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._expect_head()

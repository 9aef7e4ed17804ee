"""Coverage only where it can find something: it doubles the time of a test."""

from __future__ import annotations

from typing import Final

import pytest
from coverage import Coverage

MARK: Final = "unmeasured"


class Measuring:
    """A plugin of pytest that stops the coverage for the tests with the mark `unmeasured`.

    These are tests that run the code of other tests thousands of times. The mark `no_cover` of
    pytest-cov would measure the work of pytest around each test and start the coverage each time.
    """

    def __init__(self) -> None:
        self._stopped: list[Coverage] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Stop or start the coverage before a test, if the test before it had the other state."""
        if item.get_closest_marker(MARK) is not None:
            self._stop()
        else:
            self._start()

    def _stop(self) -> None:
        # In a worker of pytest-xdist, pytest-cov starts two: if only the second stops, the first
        # measures again.
        while (running := Coverage.current()) is not None:
            running.stop()
            self._stopped.append(running)

    def _start(self) -> None:
        while self._stopped:
            self._stopped.pop().start()

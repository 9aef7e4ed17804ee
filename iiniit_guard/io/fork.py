"""Reset of connections and locks in a forked child.

A client that crosses a fork mixes the responses of two processes, because both write to and read
from the same socket.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """An object with connections, locks, threads or calls in flight that can start without them."""

    def after_fork(self) -> None:
        """Replace every lock, clear every table of calls in flight, drop every connection.

        It runs in the child, in its only thread. It must not acquire an old lock, because the
        thread that held it does not exist in the child.
        """
        ...


_FORKABLE: WeakSet[Forkable] = WeakSet()


def on_fork(owner: Forkable) -> None:
    """Call `owner.after_fork()` in every child that is forked from now on, while `owner` lives.

    Args:
        owner: Hashable by identity and weakly referenceable. No strong reference is kept.
    """
    _FORKABLE.add(owner)


def _start_afresh() -> None:
    for owner in list(_FORKABLE):
        owner.after_fork()


os.register_at_fork(after_in_child=_start_afresh)

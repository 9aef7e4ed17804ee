"""Starting afresh in a forked child: connections and locks of the parent must not be used there.

A client that crosses a fork mixes answers between processes: both write to and read from the same socket.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """What holds connections, locks, threads or calls in flight, and can start over without them."""

    def after_fork(self) -> None:
        """Replace every lock, empty every table of things in flight, drop every connection.

        It runs in the child, in its only thread. It must take none of the old locks: the thread that held one is gone.
        """
        ...


_FORKABLE: WeakSet[Forkable] = WeakSet()


def on_fork(owner: Forkable) -> None:
    """Call `owner.after_fork()` in every child that is forked from now on, for as long as `owner` lives.

    Args:
        owner: Hashable by identity and weakly referable; it is not kept alive.
    """
    _FORKABLE.add(owner)


def _start_afresh() -> None:
    for owner in list(_FORKABLE):
        owner.after_fork()


os.register_at_fork(after_in_child=_start_afresh)

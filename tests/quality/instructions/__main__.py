"""Count what one request executes in the package on each host.

Without an argument, print the counts as JSON. `--write` (`make counts`) stores them in
`counts.json`, for the version of Python that runs it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Final

from iiniit_guard.testing import Issuer, SettableClock
from tests.quality.instructions.committed import VERSION, Counts, measured, store
from tests.quality.instructions.counting import Count, count
from tests.quality.instructions.fixed_key import make_fixed_key
from tests.quality.instructions.hosts import HOSTS, MakeHost

_KEY: Final = make_fixed_key()
_NOW: Final = 1_800_000_000
# The first requests import modules and fill caches of the process.
_WARMING_UP: Final = 3


def main(arguments: list[str]) -> int:
    """Print the counts, or store them."""
    if arguments == ["--write"]:
        store(VERSION, measured())
        return 0
    if arguments:
        print("the only argument is --write", file=sys.stderr)
        return 2
    json.dump({name: each._asdict() for name, each in count_all().items()}, sys.stdout)
    return 0


def count_all() -> Counts:
    """Count every kind of request on every host."""
    return {
        f"{host}, {kind}": _steady(f"{host}, {kind}", trials(make))
        for host, make in HOSTS.items()
        for kind, trials in _KINDS.items()
    }


def _steady(name: str, trials: Iterator[Count]) -> Count:
    *_, before, after = islice(trials, _WARMING_UP + 2)
    if before != after:
        raise RuntimeError(f"{name}: one request executes {before}, the next {after}")
    return after


def _make_issuer() -> Issuer:
    issuer = Issuer(clock=SettableClock(_NOW))
    issuer.signing_key = _KEY
    issuer.keys = [_KEY]
    return issuer


def _cached(make: MakeHost) -> Iterator[Count]:
    issuer = _make_issuer()
    send, token = make(issuer), issuer.token()
    while True:
        yield count(partial(send, token))


def _new(make: MakeHost) -> Iterator[Count]:
    issuer = _make_issuer()
    send = make(issuer)
    while True:
        yield count(partial(send, issuer.token()))


def _first(make: MakeHost) -> Iterator[Count]:
    while True:
        issuer = _make_issuer()
        yield count(partial(make(issuer), issuer.token()))


def _opaque(make: MakeHost) -> Iterator[Count]:
    issuer = _make_issuer()
    send = make(issuer)
    while True:
        yield count(partial(send, issuer.opaque_token()))


_KINDS: Final[Mapping[str, Callable[[MakeHost], Iterator[Count]]]] = {
    "token cached": _cached,
    "new JWT": _new,
    "first JWT of a guard": _first,
    "new opaque token": _opaque,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A line on the terminal while a command waits for longer than a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import click

AFTER_SECONDS = 1.0


@contextmanager
def progress(what: str, after_seconds: float = AFTER_SECONDS) -> Iterator[None]:
    """Print what a command waits for after a second, if the error output is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    timer = Timer(after_seconds, lambda: click.echo(f"{what} ...", err=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

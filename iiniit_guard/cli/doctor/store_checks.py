"""Findings about the shared store: whether a value that is written can be read."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from iiniit_guard.cli.doctor.finding import Finding
from iiniit_guard.core.model.flow import StoreGet, StoreSet
from iiniit_guard.errors import MissingExtra
from iiniit_guard.io.store import Store

_PROBE_SECONDS = 5.0


def check_store(url: str | None) -> Finding:
    """Return the finding about the store, after writing a random value and reading it.

    Args:
        url: The setting `store_url`; None without a store.
    """
    if url is None:
        return Finding("store", "ok", "", "no shared store: each process has its own cache")
    try:
        store = Store(url)
    except MissingExtra as error:
        return Finding("store", "fault", "", str(error), "pip install 'iiniit-guard[redis]'")
    name, value = f"iiniit_guard:doctor:{secrets.token_hex(8)}", secrets.token_bytes(16)
    started = time.perf_counter()
    with _quiet():
        store.perform(StoreSet(name, value, _PROBE_SECONDS))
        found = store.perform(StoreGet((name,)))
    seconds = time.perf_counter() - started
    store.close()
    if found != (value,):
        text = "a value that was written could not be read within 0.1 s"
        cure = "store_url: host, port, password, and the rights of the user (SET, GET)"
        return Finding("store", "fault", "", text, cure)
    return Finding("store", "ok", "", f"a value was written and read in {seconds * 1000:.0f} ms")


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the log line about a failure, because the finding reports it."""
    log = logging.getLogger("iiniit_guard")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before

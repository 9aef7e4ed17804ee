"""Streamed response bodies: abort them after a refusal, and know those that run no other code."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iiniit_guard.adapting.request_state import RefusalRecord

_BUFFERED_FILES: Final = (io.BufferedReader, io.BufferedRandom)
_FILE_ATTRIBUTES: Final = frozenset({"name", "mode"})  # `open` sets them


def is_standard_file(file: object) -> bool:
    """Return whether reading `file` runs no code of the application.

    Its type must be exactly a standard one, and no attribute of the instance may be replaced.
    """
    if type(file) in _BUFFERED_FILES and _is_unchanged(file):
        file = getattr(file, "raw", None)
        return type(file) is io.FileIO and _is_unchanged(file)
    return type(file) in (io.BytesIO, io.FileIO) and _is_unchanged(file)


def _is_unchanged(file: object) -> bool:
    return _FILE_ATTRIBUTES.issuperset(vars(file))


def until_refused(
    chunks: Iterator[bytes], record: RefusalRecord, abort: Callable[[], Exception]
) -> Iterator[bytes]:
    """Yield the chunks; raise `abort()` at the first one after a refusal is recorded."""
    for chunk in chunks:
        if record.refusal is not None:
            raise abort() from None
        yield chunk
    if record.refusal is not None:
        raise abort() from None


async def until_refused_async(
    chunks: AsyncIterator[bytes], record: RefusalRecord, abort: Callable[[], Exception]
) -> AsyncIterator[bytes]:
    """Asynchronous twin of `until_refused`."""
    async for chunk in chunks:
        if record.refusal is not None:
            raise abort() from None
        yield chunk
    if record.refusal is not None:
        raise abort() from None

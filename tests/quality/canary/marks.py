"""Marked secrets, and a recorder of everything that is written while a block runs."""

from __future__ import annotations

import base64
import contextlib
import gc
import io
import logging
import sys
import traceback
import warnings
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final
from urllib.parse import quote_plus

from iiniit_guard.testing import Issuer

SECRET: Final = "canary-secret-9f2c7d:/%+ü"
SUBJECT: Final = "canary-subject-41b8"
TOKEN: Final = "canary-token-77e0"


def secret_spellings(client_id: str = "api") -> tuple[str, ...]:
    """Return the secret as written in settings, in a form, and in a Basic header."""
    encoded = quote_plus(SECRET)
    return SECRET, encoded, base64.b64encode(f"{client_id}:{encoded}".encode()).decode()


class MarkedIssuer(Issuer):
    """An issuer with a marked secret, marked opaque tokens and, by default, a marked subject."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, client_secret=SECRET, **more)
        self.issued: list[str] = []

    def token(self, scope: str | None = "user:read", **arguments: Any) -> str:
        """Issue a JWT with the mark as subject."""
        token = super().token(scope, **{"subject": SUBJECT, **arguments})
        self.issued.append(token)
        return token

    def opaque_token(self, scope: str | None = "user:read", **arguments: Any) -> str:
        """Issue an opaque token that contains a mark."""
        token = super().opaque_token(
            scope,
            **{"subject": SUBJECT, **arguments, "prefix": arguments.get("prefix", "") + TOKEN},
        )
        self.issued.append(token)
        return token


def token_marks(tokens: list[str]) -> set[str]:
    """Return the secret parts of a token: all of it, and its last part."""
    return {
        mark
        for token in [*tokens, TOKEN]
        for mark in (token, token.rpartition(".")[2])
        if len(mark) > 11
    }


class Written:
    """Everything that was written: log records, warnings, standard output and standard error."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.records = 0

    def add(self, *things: object) -> None:
        """Add everything printable: values, and exceptions with their tracebacks."""
        for thing in things:
            self.texts += [repr(thing), str(thing)]
            if isinstance(thing, BaseException):
                self.texts += traceback.format_exception(thing)
                self.texts.append(repr(traceback.TracebackException.from_exception(thing)))

    def holds(self, marks: set[str] | tuple[str, ...]) -> list[str]:
        """Return every text that contains one of the marks."""
        # One search for each mark in all texts takes a tenth of the time of a search in each text.
        everything = "\0".join(self.texts)
        found = [mark for mark in marks if mark in everything]
        return [text for text in self.texts if any(mark in text for mark in found)]


class _Everything(logging.Handler):
    def __init__(self, written: Written) -> None:
        super().__init__(logging.DEBUG)
        self.written = written

    def emit(self, record: logging.LogRecord) -> None:
        """Store the message, its arguments, its traceback and all other data of the record."""
        self.written.records += 1
        self.written.texts += [record.getMessage(), repr(vars(record))]
        if record.exc_info and record.exc_info[1] is not None:
            self.written.add(record.exc_info[1])


@contextlib.contextmanager
def everything_written() -> Iterator[Written]:
    """Record all log records at DEBUG of every logger, all warnings and all output."""
    written = Written()
    handler = _Everything(written)
    names = [None, *logging.Logger.manager.loggerDict]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level, logger.propagate, logger.disabled) for logger in loggers]
    printed = io.StringIO()
    for logger in loggers[1:]:
        logger.setLevel(logging.NOTSET)
        logger.propagate, logger.disabled = True, False
    loggers[0].setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    try:
        with (
            warnings.catch_warnings(record=True) as caught,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            warnings.simplefilter("always")
            yield written
    finally:
        loggers[0].removeHandler(handler)
        for logger, level, propagate, disabled in before:
            logger.setLevel(level)
            logger.propagate, logger.disabled = propagate, disabled
        written.texts += [printed.getvalue(), *(str(warning.message) for warning in caught)]


def texts_in(*roots: object) -> list[str]:
    """Return every text and byte string that is reachable from objects and owned by them."""
    found: list[str] = []
    seen: set[int] = set()
    ahead = list(roots)
    while ahead:
        one = ahead.pop()
        if (
            id(one) in seen
            or isinstance(one, (type, ModuleType, FunctionType, MethodType))
            or (isinstance(one, dict) and _belongs_to_a_module(one))
        ):
            continue
        seen.add(id(one))
        if isinstance(one, (bytes, bytearray)):
            found.append(bytes(one).decode("latin-1"))
        elif isinstance(one, str):
            found.append(one)
        else:
            ahead.extend(gc.get_referents(one))
    return found


def _belongs_to_a_module(one: dict[Any, Any]) -> bool:
    name = one.get("__name__")
    return isinstance(name, str) and vars(sys.modules.get(name, object)) is one

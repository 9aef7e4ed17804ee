"""Checks of setting values: each returns the fault, or None for a valid value."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from iiniit_guard.core.claims.scope_path import path_fault
from iiniit_guard.core.http.bearer import is_b64token
from iiniit_guard.core.issuer.metadata import url_fault
from iiniit_guard.core.model.policy import SCOPE_TOKEN

Check: TypeAlias = Callable[[Any], str | None]


def text(value: object) -> str | None:
    """Check for a non-empty string of printable ASCII without leading or trailing white space."""
    if not isinstance(value, str) or not value:
        return "must be a non-empty string"
    if not (value.isascii() and value.isprintable()):
        return "must contain only printable ASCII"
    return None if value == value.strip() else "begins or ends with a space; remove the space"


def texts(value: object) -> str | None:
    """Check for one or more strings."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or not value:
        return "must be one or more strings"
    return next((fault for item in value if (fault := text(item)) is not None), None)


def names(value: object) -> str | None:
    """Check for zero or more strings."""
    return (
        texts(value)
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or value
        else None
    )


def seconds(value: object) -> str | None:
    """Check for a positive, finite number of seconds."""
    fault = seconds_or_none(value)
    return fault or (None if value else "must be a number of seconds above 0")


def seconds_or_none(value: object) -> str | None:
    """Check for a finite number of seconds, 0 or more."""
    if type(value) not in (int, float) or not 0 <= value < math.inf:  # type: ignore[operator]  # excluded by the first half of the line
        return "must be a number of seconds, 0 or more"
    return None


def at_most(most: int, check: Check) -> Check:
    """Return a check for a number that passes `check` and is at most `most`.

    The limit catches mistakes (milliseconds, an extra zero) that would weaken a security check
    unnoticed.
    """

    def bounded(value: object) -> str | None:
        fault = check(value)
        return fault if fault is not None or value <= most else f"must be at most {most} seconds"  # type: ignore[operator]  # a number: `check` passed

    return bounded


def count(value: object) -> str | None:
    """Check for an integer, 1 or more."""
    return None if type(value) is int and value > 0 else "must be a whole number above 0"


def between(least: int, most: int) -> Check:
    """Return a check for an integer from `least` to `most`."""
    return lambda value: (
        None
        if type(value) is int and least <= value <= most
        else f"a whole number from {least} to {most} is required"
    )


def flag(value: object) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else "must be true or false"


def one_of(*choices: str) -> Check:
    """Return a check for one of `choices`."""
    return lambda value: (
        None
        if isinstance(value, str) and value in choices
        else f"must be one of {', '.join(choices)}"
    )


def some_of(choices: Collection[str]) -> Check:
    """Return a check for one or more of `choices`."""

    def check(value: object) -> str | None:
        fault = texts(value)
        if fault is not None:
            return fault
        strange = [item for item in value if item not in choices]  # type: ignore[attr-defined]  # a sequence: `texts` passed
        return f"{strange[0]} is not among {', '.join(choices)}" if strange else None

    return check


def scope_words(value: object) -> str | None:
    """Check for a table from scope, or role with any text as its name, to scope."""
    if not isinstance(value, Mapping):
        return "must be a table"
    if not all(isinstance(word, str) and SCOPE_TOKEN.fullmatch(word) for word in value.values()):
        return "values must be scopes"
    return None if all(map(_is_role, value.keys())) else "names must be scopes, or names of roles"


def _is_role(name: object) -> bool:
    return isinstance(name, str) and name != "" and name.isprintable() and name == name.strip()


def scope_lists(value: object) -> str | None:
    """Check for a table from scope to a list of scopes."""
    if not isinstance(value, Mapping) or not all(_is_list(words) for words in value.values()):
        return "must be a table of lists"
    words = [*value.keys(), *(word for listed in value.values() for word in listed)]
    return (
        None
        if all(isinstance(word, str) and SCOPE_TOKEN.fullmatch(word) for word in words)
        else "names and values must be scopes"
    )


def scope_paths(value: object) -> str | None:
    """Check for a list of paths to claims."""
    if not _is_list(value):
        return "must be a list of claims; a path may be a list itself"
    return next((fault for item in value if (fault := path_fault(item)) is not None), None)  # type: ignore[attr-defined]  # a sequence


def claim_table(value: object) -> str | None:
    """Check for a table from claim to its accepted value or values.

    `os.environ.get` returns None, or an empty default, for a missing variable. A requirement of
    None would vanish, and an empty one would be met by a token with an empty claim.
    """
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and name and name == name.strip() for name in value
    ):
        return "must be a table from claim to value"
    for name, wanted in value.items():
        values = wanted if isinstance(wanted, (list, tuple)) else (wanted,)
        if not values or not all(map(_is_claim_value, values)):
            return (
                f"{name}: must be a non-empty string, a number, true, false or a list of "
                f"these; check that the value is set"
            )
    return None


def hosts(value: object) -> str | None:
    """Check for zero or more host names or addresses, each written as in a URL.

    Any other spelling would never equal the host of a URL.
    """
    fault = names(value)
    if fault is not None:
        return fault
    plain = all(_is_host(item) for item in value)  # type: ignore[attr-defined]  # a sequence of strings: `names` passed
    return (
        None
        if plain
        else (
            "a host must be a bare name or address in lower case; remove scheme, port, path, "
            "brackets and *"
        )
    )


def token_prefix(value: object) -> str | None:
    """Check for the prefix of a bearer token (RFC 6750 §2.1).

    A prefix with any other character would match no token.
    """
    fault = text(value)
    if fault is not None:
        return fault
    return (
        None
        if is_b64token(str(value).encode("ascii"))
        else "contains a character outside the syntax of bearer tokens; correct it"
    )


def scope_prefix(value: object) -> str | None:
    """Check for the beginning of a scope (RFC 6749 §3.3)."""
    return (
        None
        if isinstance(value, str) and SCOPE_TOKEN.fullmatch(value)
        else "must be the beginning of a scope: printable ASCII without spaces and quotes"
    )


def function(value: object) -> str | None:
    """Check for a callable."""
    return None if callable(value) else "must be a callable"


def functions(value: object) -> str | None:
    """Check for a list of callables."""
    return None if _is_list(value) and all(map(callable, value)) else "must be a list of callables"  # type: ignore[call-overload]  # a list


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def _is_claim_value(value: object) -> bool:
    """Return whether a claim can equal `value`.

    JSON has no NaN and no subclasses (an enumeration), and objects are not compared.
    """
    if type(value) is str:
        return value.strip() != ""
    return type(value) is bool or (type(value) in (int, float) and -math.inf < value < math.inf)  # type: ignore[operator]  # a number


def _is_host(host: str) -> bool:
    try:
        return urlsplit(f"https://[{host}]/" if ":" in host else f"https://{host}/").netloc.strip(
            "[]"
        ) == host == host.lower() and not ({"*", "@", " "} & set(host))
    except ValueError:
        return False


def endpoint_fault(value: object, http_hosts: Collection[str] = ()) -> str | None:
    """Return why `value` is not a URL that the guard may call, or None; see `url_fault`."""
    fault = text(value)
    return fault if fault is not None else url_fault(str(value), http_hosts)


def resource_fault(value: object) -> str | None:
    """Return why `value` cannot be a resource identifier, or None.

    Spec: RFC 9728 §1.2 (https, no fragment). A server on loopback, which no other host reaches, may
        have an http URL, like its issuer.
    """
    return endpoint_fault(value)


def public_url_fault(value: object) -> str | None:
    """Return why `value` cannot be the URL under which clients reach the API, or None."""
    # Clients may reach an API in a private network over http. The guard only compares this URL.
    fault = text(value) or endpoint_fault(f"https://{str(value).partition('://')[2]}")
    if fault is not None or not str(value).startswith(("https://", "http://")):
        return fault or "must be a URL that begins with https:// or http://"
    parts = urlsplit(str(value))
    if "?" in str(value) or (parts.path.endswith("/") and parts.path != "/"):
        return "must be a URL without query and without a slash at its end"
    return None

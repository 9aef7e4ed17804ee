"""Rules from the `[[rules]]` tables of `guard.toml`, or of a separate file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from iiniit_guard.errors import SettingsError
from iiniit_guard.rules.rule import Members, Rule, label_from
from iiniit_guard.rules.ruleset import Rules

_WORDS: Final = ("mcp_method", "mcp_name")
_TEXTS: Final = (
    *("method", "methods", "scope", "scopes", "any_scope", "acr_values"),
    "authorization_details",
)
_FLAGS: Final = ("public", "optional_token", "allow_encoded_slash")
_SELECTIONS: Final = ("require_actor", "forbid_actor")
_NAMES: Final = frozenset(
    {"path", "max_age", "long_lived", *_WORDS, *_TEXTS, *_FLAGS, *_SELECTIONS}
)


def rules_from_file(
    path: str | os.PathLike[str],
    *,
    method_override: Literal["refuse", "judge"] = "refuse",
    mcp_headers: Literal["ignore", "compared"] = "ignore",
) -> Rules:
    """Return the rules of the `[[rules]]` tables of a TOML file; see `rules_from_tables`.

    The file is read immediately.

    Args:
        path: `guard.toml`, whose other settings are ignored, or a file with rules only.
        method_override: As for `Rules`. `[server]` of the file is ignored.
        mcp_headers: As for `Rules`.

    Raises:
        SettingsError: The file cannot be read, is not valid TOML (the message names line and
            column), has no rules, or has faults. Every fault is reported, also a misspelt
            `[[rule]]`, whose paths would otherwise be left to less specific rules.
    """
    from iiniit_guard.io.settings import FILE_NAMES
    from iiniit_guard.io.toml_file import read_toml

    document = read_toml(path)
    faults = [f"{name}: unknown setting in a file" for name in sorted(document.keys() - FILE_NAMES)]
    if "rules" not in document:
        faults.append(f"rules: {os.fspath(path)} has none")
    try:
        rules = rules_from_tables(
            document.get("rules", ()), method_override=method_override, mcp_headers=mcp_headers
        )
    except SettingsError as error:
        raise SettingsError([*faults, *error.faults]) from None
    if faults:
        raise SettingsError(faults)
    return rules


def rules_from_tables(
    tables: Iterable[Members],
    *,
    method_override: Literal["refuse", "judge"] = "refuse",
    mcp_headers: Literal["ignore", "compared"] = "ignore",
) -> Rules:
    """Return the rules of parsed TOML tables.

    Args:
        tables: Each with `method` or `methods` and `path`. Optional: `scope` or `scopes` (all are
            required), `any_scope` (one is required), `public`, `optional_token`, `acr_values`,
            `max_age`, `require_actor`, `forbid_actor` (each true or names;
            `require_actor` also a table), `authorization_details` (types, all are required),
            `allow_encoded_slash`, `long_lived`, `mcp_method`, `mcp_name`. Several values are a
            list, or one string with spaces.
        method_override: As for `Rules`.
        mcp_headers: As for `Rules`.

    Raises:
        SettingsError: With every fault, each naming its rule.
    """
    faults: list[str] = []
    rules = [_rule(table, number, faults) for number, table in enumerate(_checked(tables), 1)]
    try:
        made = Rules(filter(None, rules), method_override=method_override, mcp_headers=mcp_headers)
    except SettingsError as error:
        raise SettingsError([*faults, *error.faults]) from None
    if faults:
        raise SettingsError(faults)
    return made


def _checked(tables: object) -> list[Members]:
    """Return `tables` if it is a list of tables. A file may have any value under this name."""
    listed: list[Any] = (
        [None]
        if isinstance(tables, str | Mapping) or not isinstance(tables, Iterable)
        else list(tables)
    )
    if not all(isinstance(table, Mapping) for table in listed):
        raise SettingsError(["rules: must be an array of tables, [[rules]]"])
    return listed


def _rule(table: Members, number: int, faults: list[str]) -> Rule | None:
    path = table.get("path")
    texts = {name: _list(table[name]) for name in _TEXTS if name in table}
    methods = texts.get("method") or texts.get("methods")
    label = label_from(number, methods or ["?"], path, map(table.get, _WORDS))
    found = [
        f"{name}: must be a non-empty string or list of strings"
        for name, value in texts.items()
        if not value
    ]
    found += [f"{name}: unknown setting of a rule" for name in sorted(table.keys() - _NAMES)]
    found += [
        f"{name}: true or false" for name in _FLAGS if type(table.get(name, False)) is not bool
    ]
    found += [
        f"{one}: this and {other} are the same setting"
        for one, other in (("method", "methods"), ("scope", "scopes"))
        if {one, other} <= texts.keys()
    ]
    if not texts.keys() & {"method", "methods"}:
        found.append('method: missing; "*" is every method')
    if not isinstance(path, str):
        found.append("path: missing")
    faults.extend(f"{label}: {fault}" for fault in found)
    if found or methods is None or not isinstance(path, str):
        return None
    return Rule(
        methods,
        path,
        scopes=texts.get("scope") or texts.get("scopes") or (),
        any_scope=texts.get("any_scope") or (),
        acr_values=texts.get("acr_values") or (),
        max_age=table.get("max_age"),
        authorization_details=texts.get("authorization_details"),
        long_lived=table.get("long_lived"),
        label=label,
        **{name: table[name] for name in (*_FLAGS, *_WORDS) if name in table},
        **{name: _selection(table[name]) for name in _SELECTIONS if name in table},
    )


def _selection(value: object) -> Any:
    """Return a boolean or a table as it is, names as a list; `Rule` reports any other value."""
    return value if isinstance(value, bool | Mapping) else _list(value) or ()


def _list(value: object) -> list[str] | None:
    words = value.split(" ") if isinstance(value, str) else value
    return (
        list(words)
        if isinstance(words, list) and words and all(isinstance(word, str) for word in words)
        else None
    )

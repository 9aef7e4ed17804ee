"""All decision tables together."""

from __future__ import annotations

from typing import Final

from tests.contract.cases import (
    answers_and_jwts,
    claims,
    discovery,
    headers,
    introspection,
    introspection_answers,
    jose_headers,
    key_rotation,
    keys,
    outages,
    policies,
    providers,
    remembered,
    scopes,
    signatures,
    spellings,
    times,
    token_kinds,
)
from tests.contract.cases.case import Case

_MODULES: Final = (
    headers,
    signatures,
    jose_headers,
    spellings,
    keys,
    key_rotation,
    times,
    token_kinds,
    claims,
    scopes,
    policies,
    providers,
    introspection,
    introspection_answers,
    answers_and_jwts,
    remembered,
    discovery,
    outages,
)
TABLES: Final[dict[str, list[Case]]] = {
    module.__name__.rpartition(".")[2]: module.CASES for module in _MODULES
}
CASES: Final[list[Case]] = [case for table in TABLES.values() for case in table]

"""All decision tables together."""

from __future__ import annotations

from typing import Final

from tests.cases import (
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
    remembered,
    scopes,
    signatures,
    spellings,
    times,
)
from tests.cases.case import Case

_MODULES: Final = (
    headers,
    signatures,
    jose_headers,
    spellings,
    keys,
    key_rotation,
    times,
    claims,
    scopes,
    policies,
    introspection,
    introspection_answers,
    remembered,
    discovery,
    outages,
)
TABLES: Final[dict[str, list[Case]]] = {module.__name__.rpartition(".")[2]: module.CASES for module in _MODULES}
CASES: Final[list[Case]] = [case for table in TABLES.values() for case in table]

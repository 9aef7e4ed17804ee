"""All decision tables together."""

from __future__ import annotations

from typing import Final

from tests.contract.cases import (
    answers_and_jwts,
    audiences,
    claims,
    cloud_providers,
    discovery,
    first_outages,
    headers,
    introspection,
    introspection_answers,
    introspection_calls,
    introspection_functions,
    jose_headers,
    json_spellings,
    key_rotation,
    key_sets,
    keys,
    nulls,
    other_places,
    outages,
    policies,
    presets,
    presets_of_clouds,
    providers,
    query_ignored,
    rejections,
    remembered,
    scope_claims,
    scopes,
    signature_values,
    signatures,
    spellings,
    times,
    token_header,
    token_kinds,
)
from tests.contract.cases.case import Case

_MODULES: Final = (
    headers,
    other_places,
    query_ignored,
    signatures,
    signature_values,
    jose_headers,
    spellings,
    json_spellings,
    keys,
    key_sets,
    key_rotation,
    token_header,
    times,
    token_kinds,
    claims,
    audiences,
    nulls,
    scopes,
    scope_claims,
    policies,
    providers,
    cloud_providers,
    presets,
    presets_of_clouds,
    introspection,
    introspection_calls,
    introspection_functions,
    introspection_answers,
    rejections,
    answers_and_jwts,
    remembered,
    discovery,
    outages,
    first_outages,
)
TABLES: Final[dict[str, list[Case]]] = {
    module.__name__.rpartition(".")[2]: module.CASES for module in _MODULES
}
CASES: Final[list[Case]] = [case for table in TABLES.values() for case in table]

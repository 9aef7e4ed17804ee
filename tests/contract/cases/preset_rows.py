"""How a row of a preset is made: the settings of `iiniit_guard.providers` as keywords."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, NamedTuple

from iiniit_guard import TrustedIssuer
from iiniit_guard.core.settings.guard_settings import ISSUER_SETTINGS
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import Allowed, Case, Refused, opaque, token


class Row(NamedTuple):
    """A token of a provider and the expected answer; `is_opaque` makes the token opaque."""

    name: str
    preset: TrustedIssuer
    scope: str | None
    arguments: dict[str, Any]
    expected: Refused | Allowed
    is_opaque: bool = False
    given: Callable[[Issuer], object] | None = None


def keywords_of(preset: TrustedIssuer) -> dict[str, Any]:
    """Return the settings of one issuer as keywords of `Guard`."""
    return {
        each.name: getattr(preset, each.name)
        for each in fields(preset)
        if each.name in ISSUER_SETTINGS
    }


def cases_of(rows: Iterable[Row]) -> list[Case]:
    """Return the rows as cases. The issuer has the name and the URLs that the preset expects."""
    return [_case(row) for row in rows]


def _case(row: Row) -> Case:
    def given(issuer: Issuer) -> None:
        places = {
            name: getattr(row.preset, name)
            for name in ("jwks_uri", "introspection_endpoint")
            if getattr(row.preset, name) is not None
        }
        issuer.metadata |= places
        if row.given is not None:
            row.given(issuer)

    return Case(
        row.name,
        "RFC 8725 §3.12 (what servers send)",
        (opaque if row.is_opaque else token)(row.scope, **row.arguments),
        row.expected,
        settings=keywords_of(row.preset),
        algorithm="ES256" if "ES256" in row.preset.algorithms else "RS256",
        issuer=row.preset.issuer,
        given=given,
    )

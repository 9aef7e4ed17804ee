"""The reference and the code have the same settings, reasons and names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

import iiniit_guard
from iiniit_guard.adapting.admission import make_admission
from iiniit_guard.core.http.hints import HINTS
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.settings.guard_settings import GuardSettings
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.provider_settings import PROVIDER_NAMES
from iiniit_guard.io.settings import PREFIX, settings_from_env, settings_from_table
from iiniit_guard.io.settings_parts import PARTS as KNOWN_PARTS
from iiniit_guard.io.settings_parts import SECRET_FILES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
NO_TEXT_FORM = "—"
IN_PARTS = "[in parts](#introspection-in-text)"


def tables(page: str) -> dict[str, list[list[str]]]:
    """Return the rows of a page's tables, by the heading above; a cell must not contain `|`."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in (REFERENCE / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|") and not line.startswith("|---"):
            found.setdefault(heading, []).append(
                [cell.strip() for cell in line.strip("|").split("|")]
            )
    return found


def code(cell: str) -> str:
    """Return the text between backticks, if the cell contains nothing else."""
    match = re.fullmatch(r"`([^`]+)`", cell)
    assert match, cell
    return match[1]


SETTINGS = tables("settings.md")
OF_AN_ISSUER = {code(row[0]): row for row in SETTINGS["Of an issuer"][1:]}
OF_THE_API = {
    code(row[0]): row for row in SETTINGS["Of the API"] if len(row) == 5 and row[0] != "keyword"
}
PARTS = [
    row
    for row in (
        *SETTINGS["Introspection, in text"],
        *SETTINGS["Provider, in text"],
        *SETTINGS["Of the API"],
    )
    if len(row) == 3 and row[0] != "TOML"
]


def defaults(settings: type) -> dict[str, object]:
    return {
        each.name: MISSING if each.default is MISSING and each.default_factory is MISSING
        else each.default if each.default_factory is MISSING else each.default_factory()
        for each in fields(settings)
        if each.name != "issuers"
    }  # fmt: skip


def shown(default: object) -> str:
    if default is MISSING:
        return "mandatory"
    if default is ALGORITHMS:
        return "all eleven"
    if default is None or default in ((), {}):
        return "none"
    return f"`{default}`"


@pytest.mark.parametrize(
    ("settings", "table"),
    [(TrustedIssuer, OF_AN_ISSUER), (GuardSettings, OF_THE_API)],
    ids=["issuer", "api"],
)
def test_every_setting_is_there_with_its_default(settings, table):
    assert {name: row[3] for name, row in table.items()} == {
        name: shown(default) for name, default in defaults(settings).items()
    }


def test_the_algorithms_are_all_named():
    assert re.findall(r"`([^`]+)`", OF_AN_ISSUER["algorithms"][4]) == list(ALGORITHMS)
    assert len(ALGORITHMS) == 11


@pytest.mark.parametrize("name", [*OF_AN_ISSUER, *OF_THE_API])
def test_a_setting_has_the_text_forms_that_are_shown(name):
    row = OF_AN_ISSUER.get(name) or OF_THE_API[name]

    if not has_text_form(name):
        in_parts = name in ("introspection", "discovery_authentication")
        assert row[1:3] == ([IN_PARTS] * 2 if in_parts else [NO_TEXT_FORM] * 2)
    else:
        assert row[1:3] == [f"`{name}`", f"`{PREFIX}{name.upper()}`"]


@pytest.mark.parametrize("row", PARTS, ids=lambda row: code(row[0]))
def test_a_part_of_a_setting_has_its_text_forms(row):
    name = code(row[0])

    assert has_text_form(name)
    assert code(row[1]) == PREFIX + name.upper()


def test_no_part_of_a_setting_is_missing():
    assert sorted(code(row[0]) for row in PARTS) == sorted(
        {*KNOWN_PARTS, *PROVIDER_NAMES, *SECRET_FILES}
    )


def has_text_form(name: str) -> bool:
    """Return whether a name is valid in the environment; in TOML it must be the same."""
    unknown = "unknown setting"
    in_env = all(
        unknown not in fault for fault in faults(settings_from_env, {PREFIX + name.upper(): "x"})
    )
    in_toml = all(unknown not in fault for fault in faults(settings_from_table, {name: "x"}))
    assert in_env == in_toml
    return in_env


def faults(read, written) -> tuple[str, ...]:
    try:
        read(written)
    except SettingsError as error:
        return error.faults
    return ()


def test_every_reason_is_there_with_its_status_and_code():
    rows = {
        code(reason): (int(status), error)
        for reason, status, error, _ in tables("answers.md")["Reasons"][1:]
    }

    expected = {
        reason.value: (problem.status, f"`{problem.code}`" if problem.code else "")
        for reason, problem in PROBLEMS.items()
    }
    outages = (Reason.ISSUER_UNAVAILABLE, Reason.PROOF_STORE_UNAVAILABLE)
    unavailable = {reason.value: (503, "`temporarily_unavailable`") for reason in outages}
    assert rows == {**expected, **unavailable}


def test_the_guide_says_for_every_reason_what_the_log_says():
    rows = tables("../how-to/troubleshoot.md")["Every reason"][1:]

    assert {code(reason): check for reason, check in rows} == {
        reason.value: hint for reason, hint in HINTS.items()
    }
    assert set(HINTS) == set(Reason)


def test_every_attribute_of_an_event_is_there():
    assert [code(row[0]) for row in tables("events.md")["Events"][1:]] == [
        each.name for each in fields(iiniit_guard.Event)
    ]


def test_every_attribute_of_an_access_token_is_there():
    assert [code(row[0]) for row in tables("public-names.md")["`AccessToken`"][1:]] == [
        *(each.name for each in fields(iiniit_guard.AccessToken)),
        *(name for name, kind in vars(iiniit_guard.AccessToken).items() if type(kind) is property),
    ]


def test_every_argument_of_the_middleware_is_there_with_its_default():
    rows = {
        code(row[0]): ast.literal_eval(code(row[1]))
        for row in tables("adapters.md")["Arguments of the middleware"][1:]
    }

    assert rows == {
        name: each.default for name, each in inspect.signature(make_admission).parameters.items()
    }


@pytest.mark.parametrize(
    "module", ["iiniit_guard.flask", "iiniit_guard.starlette", "iiniit_guard.django"]
)
def test_decorators_have_the_signatures_that_are_shown(module):
    for row in tables("adapters.md")["Decorators"][1:4]:
        name, _, arguments = code(row[0]).partition("(")
        signature = inspect.signature(getattr(importlib.import_module(module), name))
        assert [str(each).partition(":")[0] for each in signature.parameters.values()] == [
            argument.partition("=")[0]
            for argument in arguments.strip(")").split(", ")
            if argument != "*"
        ]


def test_every_public_name_is_there():
    rows = tables("public-names.md")["`iiniit_guard`"][1:]

    assert sorted(name for row in rows for name in re.findall(r"`([^`]+)`", row[0])) == sorted(
        iiniit_guard.__all__
    )


def test_every_public_name_of_a_guard_is_there():
    cells = [row[0] for row in tables("public-names.md")["`Guard`"][1:]]
    named = {name for cell in cells for name in re.findall(r"`(\w+)", cell)} - {"Guard"}

    own = {name for name in vars(iiniit_guard.Guard) if not name.startswith("_")}
    assert named == own


@pytest.mark.parametrize(
    "module",
    [
        *("flask", "django", "starlette", "fastapi", "mcp", "mcp.fastmcp"),
        *("providers", "rules", "testing"),
    ],
)
def test_every_public_name_of_a_module_is_there(module):
    page = (REFERENCE / "public-names.md").read_text(encoding="utf-8")
    section = page.partition(f"## `iiniit_guard.{module}`\n")[2].partition("\n## ")[0]

    assert (
        re.findall(r"`([^`]+)`", section)
        == importlib.import_module(f"iiniit_guard.{module}").__all__
    )

"""Messages of exceptions; a missing extra is named."""

from __future__ import annotations

import copy
import pickle
from importlib import import_module

import pytest

from iiniit_guard import GuardError, SettingsError
from iiniit_guard.errors import MissingExtra, needs_extra


def test_one_fault_is_a_line_and_several_are_one_each():
    assert str(SettingsError(["issuer: it is missing"])) == "issuer: it is missing"
    assert (
        str(SettingsError(["issuer: it is missing", "realm: a; b"]))
        == "2 faults:\n  issuer: it is missing\n  realm: a; b"
    )


@pytest.mark.parametrize(
    "copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"]
)
def test_faults_stay_a_tuple_in_a_copy(copied):
    """A process pool pickles an exception to return it."""
    error = copied(SettingsError(iter(["issuer: x", "audience: y"])))

    assert error.faults == ("issuer: x", "audience: y")
    assert str(error).count("\n") == 2


def test_what_an_extra_brings_is_told_with_its_name_and_cause():
    with pytest.raises(ImportError) as raised, needs_extra("redis", "store_url"):
        import_module("no_such_module_of_anyone.at_all")

    error = raised.value
    assert str(error) == (
        "store_url: No module named 'no_such_module_of_anyone'; pip install 'iiniit-guard[redis]'"
    )
    assert isinstance(error, MissingExtra)
    assert isinstance(error, ModuleNotFoundError)
    assert isinstance(error, GuardError)
    assert error.faults == (str(error),)
    assert error.name == "no_such_module_of_anyone"
    assert type(error.__cause__) is ModuleNotFoundError


def test_other_faults_of_an_import_stay_what_they_are():
    with (
        pytest.raises(ModuleNotFoundError, match=r"^No module named 'iiniit_guard\.nothing'$"),
        needs_extra("flask", "x"),
    ):
        import_module("iiniit_guard.nothing")
    with (
        pytest.raises(ImportError, match="cannot import name") as raised,
        needs_extra("flask", "x"),
    ):
        from json import nothing  # type: ignore[attr-defined]  # noqa: F401 - that is the point
    assert not isinstance(raised.value, MissingExtra)

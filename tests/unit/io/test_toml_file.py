"""Errors of a TOML file: they name the file and the place, and never quote the content."""

from __future__ import annotations

import pytest

from iiniit_guard.errors import SettingsError
from iiniit_guard.io.toml_file import read_toml

NO_TOML = "not TOML"


def fault_of(path):
    with pytest.raises(SettingsError) as raised:
        read_toml(path)
    assert raised.value.__context__ is None, "what tomllib and the decoder say quotes the file"
    (fault,) = raised.value.faults
    name, _, rest = fault.partition(f"{path}: ")
    assert name == ""
    return rest


def test_a_file_is_read(tmp_path):
    path = tmp_path / "guard.toml"
    path.write_bytes('realm = "é"\r\n[server]\r\n'.encode())
    assert read_toml(path) == read_toml(str(path)) == {"realm": "é", "server": {}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("canary = ", f"line 1, column 10: {NO_TOML}"),
        ("canary = \n", f"line 1, column 10: {NO_TOML}"),
        ("a = 1\n\ncanary\n", f"line 3, column 7: {NO_TOML}"),
        ("a = 1\r\nb = canary\r\n", f"line 2, column 5: {NO_TOML}"),
        ('a = 1\nb = "canary', f"line 2, column 12: {NO_TOML}"),
        ('a = """\ncanary\n', f"line 3, column 1: {NO_TOML}"),
        ("canary = 1\ncanary = 2\n", f"line 2, column 11: {NO_TOML}"),
        ("[canary]\n[canary]\n", f"line 2, column 8: {NO_TOML}"),
        ("canary = " + "9" * 5000, NO_TOML),
        (b"a = 1\nb = 'canary\xff'\n", "line 2: not UTF-8"),
        ("\N{BYTE ORDER MARK}canary = 1\n", f"line 1, column 1: {NO_TOML}"),
        ("canary = 1\n".encode("utf-16"), "line 1: not UTF-8"),
    ],
)
def test_the_place_is_told_and_the_text_is_not(tmp_path, content, said):
    path = tmp_path / "guard.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert fault_of(path) == said


def test_what_is_no_file_is_told_as_the_system_tells_it(tmp_path):
    assert fault_of(tmp_path / "missing.toml") == "No such file or directory"
    assert fault_of(tmp_path) == "Is a directory"
    assert fault_of("/proc/self/mem") in ("Input/output error", "Permission denied")
    assert fault_of(tmp_path / ("x" * 1000)) == "File name too long"

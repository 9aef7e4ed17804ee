"""Rules in a TOML file of their own, or in guard.toml."""

from __future__ import annotations

import pytest

from iiniit_guard import Guard, SettingsError
from iiniit_guard.core.model.request import Request
from iiniit_guard.io.settings import FILE_NAMES
from iiniit_guard.rules import rules_from_file, rules_from_tables
from tests.unit.rules.answers import seen

RULES = (
    '[[rules]]\nmethod = "GET"\npath = "/v1"\nscope = "a"\n[[rules]]\nmethod = "*"\npath = '
    '"/healthz"\npublic = true\n'
)
SETTINGS = (
    'gateway = "nginx"\nissuer = "https://issuer.test"\naudience = '
    '"a"\nintrospection_client_auth = "bearer"\n'
)


def written(tmp_path, text):
    path = tmp_path / "guard.toml"
    path.write_text(text)
    return path


def faults(path, **more):
    with pytest.raises(SettingsError) as raised:
        rules_from_file(path, **more)
    return list(raised.value.faults)


def test_a_file_of_rules_alone(tmp_path):
    rules = rules_from_file(str(written(tmp_path, RULES)))

    assert [(rule.methods, rule.path) for rule in rules.rules] == [
        (("GET",), "/v1"),
        (("*",), "/healthz"),
    ]


def test_the_file_that_a_guard_and_the_gateway_read_too(tmp_path):
    path = written(tmp_path, f'{SETTINGS}introspection_token = "x"\n{RULES}[server]\nworkers = 2\n')

    assert len(rules_from_file(path).rules) == 2
    Guard.from_file(path).close()


@pytest.mark.parametrize("name", sorted(FILE_NAMES - {"rules"}))
def test_no_name_that_such_a_file_may_hold_is_a_fault(tmp_path, name):
    assert rules_from_file(written(tmp_path, f"{name} = 1\n{RULES}")).rules


def test_the_method_override_is_an_argument(tmp_path):
    path = written(tmp_path, f'{RULES}[server]\nmethod_override = "judge"\n')

    request = Request("POST", "/healthz", headers=((b"x-http-method-override", b"GET"),))
    assert seen(rules_from_file(path).policy_for(request)) == "method_override"
    assert seen(rules_from_file(path, method_override="judge").policy_for(request)) == "pass"


def test_a_misspelt_table_is_a_fault_and_all_faults_are_told_together(tmp_path):
    """Otherwise looser rules would decide the paths of `[[rule]]`."""
    path = written(
        tmp_path,
        f'{RULES}[[rules]]\nmethod = "GET"\n[[rule]]\nmethod = "GET"\npath = "/v1/admin"\n',
    )

    assert faults(path) == ["rule: unknown setting in a file", "rules[3] (GET None): path: missing"]
    assert faults(path, method_override="x")[-1].startswith("method_override")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SETTINGS, "rules: {} has none"),
        ("", "rules: {} has none"),
        ("[[rules]\n", "{}: line 1, column 8: not TOML"),
        ("rules = 1\n", "rules: must be an array of tables, [[rules]]"),
        ('rules = ""\n', "rules: must be an array of tables, [[rules]]"),
        ("rules = [[]]\n", "rules: must be an array of tables, [[rules]]"),
        ("[rules]\n", "rules: must be an array of tables, [[rules]]"),
    ],
)
def test_a_file_without_rules_is_a_fault(tmp_path, text, said):
    path = written(tmp_path, text)

    assert faults(path) == [said.format(path)]


def test_tables_may_be_any_iterable():
    assert (
        len(rules_from_tables({"method": "GET", "path": path} for path in ("/a", "/b")).rules) == 2
    )

"""The cost of a request, and the imports."""

from __future__ import annotations

import subprocess
import sys

from iiniit_guard.core.model.request import Request
from iiniit_guard.rules import Rule, Rules
from tests.unit.rules.answers import seen


def test_werkzeug_is_loaded_by_the_first_converter():
    program = (
        "import sys; from iiniit_guard.rules import Rule, Rules; Rules([Rule('GET', "
        "'/a/<x>/<path:y>')]);"
        "assert 'werkzeug' not in sys.modules;"
        "Rules([Rule('GET', '/a/<int:x>')]); assert 'werkzeug.routing' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_thousand_rules_take_no_more_steps_than_ten():
    """Counted, not timed: calls of the interpreter for one request of each shape."""
    shapes = [
        ("/v1/r{}/<id>", "/v1/r{}/7"),
        ("/<t>/r{}/<int:id>", "/t/r{}/7"),
        ("/<path:p>/r{}", "/a/b/c/r{}"),
        ("/v1/<id>:verb{:04}", "/v1/7:verb{:04}"),
        ("/r{}", "/r{}"),
    ]

    def steps(pattern: str, path: str, number: int) -> int:
        rules = Rules([Rule("GET", pattern.format(i), scopes=f"s{i}") for i in range(number)])
        request, count = Request("GET", path.format(number - 1)), [0]
        rules.policy_for(request)  # caches that are filled once per process do not count
        sys.setprofile(lambda *_: count.__setitem__(0, count[0] + 1))
        try:
            answer = rules.policy_for(request)
        finally:
            sys.setprofile(None)
        assert seen(answer) == f"s{number - 1}"
        return count[0]

    for pattern, path in shapes:
        assert steps(pattern, path, 200) == steps(pattern, path, 10)


def test_a_long_path_costs_its_length():
    rules = Rules(
        [
            Rule("GET", path, scopes="s")
            for path in ("/<path:p>/x", "/<path:p>/y/x", "/a/<path:p>/z", "/a/<b>/<path:p>")
        ]
    )
    assert seen(rules.policy_for(Request("GET", "/a" * 100_000))) == "s"

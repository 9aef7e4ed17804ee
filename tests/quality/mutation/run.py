"""Mutation tests of `iiniit_guard/core` (`make mutants`): a test must fail for each mutant.

mutmut 3 makes the mutants and keeps the results (`mutmut show NAME` and `mutmut results` read
them). The tests are run from here, since `mutmut run` starts pytest anew for every mutant and names
the tests on its command line, which fails for names with characters outside ASCII: here they are
collected once, each mutant gets a fork, and the test that killed a similar mutant runs first.

    python tests/quality/mutation/run.py [--resume | --survivors] [PATTERN...]     a pattern is one
    of fnmatch, such as '*jose*'

`--resume` runs those that have no result yet, `--report` none at all. Of the tests that call a
function, the 500 that are most likely to see a change are run; `--survivors` then runs all of them
on the mutants that survived.

Every survivor must be explained in survivors.md beside this file, alone or as one of a kind; one
that is not makes the run fail.
"""

from __future__ import annotations

import fnmatch
import gc
import mmap
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict, deque
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MATRIX = "tests/contract/hosts/test_matrix.py"
SELECTION = [
    "tests/unit/core",
    f"{MATRIX}::test_the_guard_decides",
    f"{MATRIX}::test_the_guard_decides_alike_when_keys_and_header_are_known",
    "tests/contract/hosts/test_certificate_fields.py",
    "tests/contract/hosts/test_dpop.py",
    "tests/contract/hosts/test_public_paths.py",
    "tests/contract/hosts/test_metadata.py",
    "tests/contract/hosts/test_asgi.py",
    "tests/contract/hosts/test_asgi_start.py",
    "tests/contract/hosts/test_wsgi.py",
    "tests/contract/hosts/test_starlette_applications.py",
    "tests/contract/hosts/test_starlette_handlers.py",
    "tests/contract/hosts/test_starlette_websockets.py",
    "tests/contract/hosts/test_flask_applications.py",
    "tests/contract/hosts/test_flask_contexts.py",
    "tests/contract/hosts/test_flask_views.py",
    "tests/unit/guard/test_guard.py",
    "tests/unit/guard/test_cached.py",
    "tests/unit/guard/test_cached_bound.py",
    "tests/unit/guard/test_begin.py",
    "tests/unit/guard/test_known_headers.py",
    "tests/integration/test_several_issuers.py",
    "tests/contract/properties/test_seen_scopes.py",
    # It checks imports, and mutants import mutmut.
    "--deselect=tests/unit/core/test_jwk.py::test_parsing_loads_no_cryptography",
    # It reads a page of the documentation, which is not beside the mutants.
    "--deselect=tests/unit/core/test_replaced_fields.py::test_the_reference_names_every_pattern",
]
# The shared code of adapters is tested through them. For other code, a row of the tables fails
# earlier than their tests.
THROUGH_HOSTS = {
    "middleware", "request_state", "decorators", "admission", "request", "resource_metadata",
    "decision", "certificate_binding", "client_certificate", "forwarded", "target",
    "trusted_peers",
}  # fmt: skip
# The rows of the tables test these. Every row calls the functions of the other modules, so each
# fourth row suffices for them.
ABOUT_ROWS = {
    "decide", "verify", "bearer", "checks", "shapes", "introspection", "jws", "jwk", "scope",
    "jwt", "confirmation", "nonces", "presented_proof", "proof", "replays", "uri",
    "issuer_signature", "signed_introspection", "status_check", "status_list",
}  # fmt: skip
LIMIT = 500
WORKERS = 2
CPU_SECONDS = 15
MEMORY_BYTES = 4 << 30
KILLED, SURVIVED, UNTESTED = 1, 0, 33


class Mutation:
    """A pytest plugin that runs mutants instead of the session's tests."""

    def __init__(self, patterns: list[str], wanted: frozenset[int | None] | None) -> None:
        self.patterns = patterns
        self.wanted = wanted
        self.tests: dict[str, list[Any]] = defaultdict(list)
        self.seconds: dict[str, float] = {}
        self.killers: dict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=8))
        self.module_killers: dict[str, deque[Any]] = defaultdict(lambda: deque(maxlen=40))
        self.note = mmap.mmap(-1, 4 * 65536)

    def pytest_runtestloop(self, session: Any) -> bool:
        """Record which test calls which function, then run the mutants."""
        from mutmut.mutation.trampoline import set_mutant_under_test

        set_mutant_under_test("stats")
        self.learn(session)
        gc.collect()
        gc.freeze()  # otherwise every collection in a fork copies all the pages that it visits
        os.chdir(ROOT)
        self.run_all()
        return True

    def learn(self, session: Any) -> None:
        """Run every test once, without a mutant."""
        from _pytest.runner import runtestprotocol
        from mutmut.state import state

        for item in session.items:
            state()._stats.clear()
            begun = time.perf_counter()
            reports = runtestprotocol(item, log=False, nextitem=None)
            self.seconds[item.nodeid] = time.perf_counter() - begun
            failed = [report for report in reports if report.failed]
            if failed:
                raise SystemExit(f"{item.nodeid} fails without a mutant:\n{failed[0].longreprtext}")
            for function in state()._stats:
                self.tests[function].append(item)
        print(
            f"{len(session.items)} tests in {sum(self.seconds.values()):.0f} s, {len(self.tests)} "
            "functions"
        )

    def run_all(self) -> None:
        """Run the selected mutants, two at a time."""
        from mutmut.mutation.data import SourceFileMutationData
        from mutmut.utils.file_utils import walk_mutatable_files
        from mutmut.utils.format_utils import mangled_name_from_mutant_name

        running: dict[int, tuple[Any, str, str, int, list[Any]]] = {}
        slots = list(range(WORKERS))
        count = 0

        def finish() -> None:
            pid, status = os.waitpid(-1, 0)
            file, name, function, slot, items = running.pop(pid)
            slots.append(slot)
            code = os.waitstatus_to_exitcode(status)
            file.exit_code_by_key[name] = code
            if code == KILLED:
                killer = items[int.from_bytes(self.note[4 * slot : 4 * slot + 4], "little")]
                for known in (self.killers[function], self.module_killers[str(file.path)]):
                    if killer in known:
                        known.remove(killer)
                    known.appendleft(killer)

        for path in walk_mutatable_files():
            begun = time.perf_counter()
            file = SourceFileMutationData(path=path)
            file.load()
            for name in list(file.exit_code_by_key):
                if self.patterns and not any(
                    fnmatch.fnmatch(name, pattern) for pattern in self.patterns
                ):
                    continue
                if self.wanted is not None and file.exit_code_by_key[name] not in self.wanted:
                    continue
                function = mangled_name_from_mutant_name(name)
                items = self.in_order(function, path)
                if not items:
                    file.exit_code_by_key[name] = UNTESTED
                    continue
                while not slots:
                    finish()
                slot = slots.pop()
                sys.stdout.flush()
                pid = os.fork()
                if pid == 0:
                    self.test(name, items, slot)
                running[pid] = (file, name, function, slot, items)
                count += 1
            while running:
                finish()
            file.save()
            statuses = Counter(file.exit_code_by_key.values())
            print(
                f"{path}: {dict(statuses)}, {count} run, {time.perf_counter() - begun:.0f} s",
                flush=True,
            )

    def in_order(self, function: str, path: Path) -> list[Any]:
        """Return the tests of a function: siblings' killers, its module, then the fastest."""
        able = set(self.tests[function])
        known = [
            item
            for item in dict.fromkeys([*self.killers[function], *self.module_killers[str(path)]])
            if item in able
        ]
        hosts = path.stem in THROUGH_HOSTS
        rows = [item for item in self.tests[function] if "test_matrix" in item.nodeid]
        seldom = (
            set()
            if path.stem in ABOUT_ROWS
            else {item for number, item in enumerate(rows) if number % 4}
        )
        able -= seldom
        others = [
            item
            for item in able.difference(known)
            if hosts or "/hosts/" not in item.nodeid or "test_matrix" in item.nodeid
        ]
        others.sort(
            key=lambda item: (
                f"/test_{path.stem}" not in item.nodeid,
                self.seconds[item.nodeid],
                item.nodeid,
            )
        )
        thorough = self.wanted is not None and SURVIVED in self.wanted
        return (known + others)[: None if thorough else LIMIT]

    def test(self, name: str, items: list[Any], slot: int) -> None:
        """Run tests until one fails, in a fork, and exit the process."""
        from _pytest.runner import runtestprotocol
        from mutmut.mutation.trampoline import set_mutant_under_test

        silent = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silent, descriptor)
        seconds = CPU_SECONDS if len(items) <= LIMIT else 4 * CPU_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(8 * seconds)
        os.chdir(ROOT / "mutants")
        set_mutant_under_test(name)
        code = SURVIVED
        try:
            for number, item in enumerate(items):
                if any(report.failed for report in runtestprotocol(item, log=False, nextitem=None)):
                    self.note[4 * slot : 4 * slot + 4] = number.to_bytes(4, "little")
                    code = KILLED
                    break
        except BaseException:
            code = 3  # mutmut's number for an error of pytest itself, which is a kill
        os._exit(code)


def report() -> int:
    """Print the results. A process of its own does not search the mutants for modules."""
    return subprocess.call([sys.executable, str(HERE / "report.py")], cwd=ROOT)


def main() -> int:
    """Make mutants, run them, report."""
    arguments = sys.argv[1:]
    wanted: frozenset[int | None] | None = None
    if "--resume" in arguments:
        wanted = frozenset({None})
    if "--survivors" in arguments:
        wanted = frozenset({None, SURVIVED, UNTESTED})
    patterns = [argument for argument in arguments if argument not in ("--resume", "--survivors")]
    if patterns == ["--report"]:
        return report()
    os.chdir(ROOT)
    sys.path = [path for path in sys.path if path and Path(path).resolve() not in (HERE, ROOT)]

    import pytest
    from mutmut.__main__ import create_mutants
    from mutmut.mutation.trampoline import set_mutant_under_test
    from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths

    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(WORKERS)
    os.chdir("mutants")
    plugin = Mutation(patterns, wanted)
    options = (
        "--rootdir=. -q -s -p no:cacheprovider -p no:xdist -p no:cov -o faulthandler_timeout=0"
    )
    ended = pytest.main([*options.split(), *SELECTION], plugins=[plugin])
    os.chdir(ROOT)
    return int(ended) or report()


if __name__ == "__main__":
    raise SystemExit(main())

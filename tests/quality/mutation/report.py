"""Report on the mutants that `run.py` ran: how many were killed, and unexplained survivors."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXPLAINED = HERE / "survivors.md"
KILLED, SURVIVED, UNTESTED = 1, 0, 33


def changes() -> dict[str, tuple[str, str, str]]:
    """Return, for every surviving mutant, its function and the lines before and after."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.file_utils import walk_mutatable_files

    found = {}
    for path in walk_mutatable_files():
        file = SourceFileMutationData(path=path)
        file.load()
        for name, code in file.exit_code_by_key.items():
            if code != SURVIVED:
                continue
            lines = get_diff_for_mutant(name, path=path).split("\n")[3:]
            before, after = (
                " ".join(line[1:].strip() for line in lines if line[:1] == sign) for sign in "-+"
            )
            function = re.sub(r"__mutmut_\d+$", "", name.rpartition(".")[2])
            function = (
                function.replace("ǁ", ".").removeprefix("x").lstrip("._")
                if "ǁ" in function
                else function.removeprefix("x_")
            )
            found[name] = (f"{Path(path).stem}.{function}", before, after)
    return found


def report() -> int:
    """Print how many mutants were killed, and the survivors without an explanation."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.utils.file_utils import walk_mutatable_files

    codes: Counter[int | None] = Counter()
    for path in walk_mutatable_files():
        file = SourceFileMutationData(path=path)
        file.load()
        codes.update(file.exit_code_by_key.values())
    run = sum(codes.values()) - codes[None] - codes[UNTESTED]
    alive = changes()
    print(
        f"{run} mutants: {run - len(alive)} killed ({100 * (run - len(alive)) / max(run, 1):.1f} "
        f"%), {len(alive)} survived"
    )
    print(
        f"{codes[UNTESTED]} are in functions that run at import alone or in no test; {codes[None]} "
        "were not run"
    )
    explained = EXPLAINED.read_text(encoding="utf-8")
    kinds = [
        re.compile(pattern) for pattern in re.findall(r"^- `([^`]+)`: ", explained, re.MULTILINE)
    ]
    silent = {
        name: change
        for name, change in alive.items()
        if entry(*change) not in explained
        and not any(kind.search(entry(*change)) for kind in kinds)
    }
    for name, change in silent.items():
        print(f"not explained: {name}\n    {entry(*change)}")
    return 1 if silent else 0


def entry(function: str, before: str, after: str) -> str:
    """Format a survivor as in survivors.md, without its number, which changes with every edit."""
    return f"{function}: {before} → {after}"


if __name__ == "__main__":
    raise SystemExit(report())

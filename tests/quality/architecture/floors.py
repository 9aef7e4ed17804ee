"""The layers of the package and the imports between them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]


def floors_of_package() -> list[list[str]]:
    """Return the modules of each layer, the highest first, as the `layers` contract names them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(
        each["layers"]
        for each in contracts
        if each["type"] == "layers" and each["containers"] == ["iiniit_guard"]
    )
    floors = [[name.strip(" ()") for name in layer.split("|")] for layer in layers]
    present = imports_between("iiniit_guard")
    return [kept for floor in floors if (kept := [name for name in floor if name in present])]


def imports_between(package: str) -> dict[str, set[str]]:
    """Return which modules directly below `package` each of them imports, from the real imports."""
    import grimp  # only an environment that tests a checkout has it

    graph = grimp.build_graph("iiniit_guard", cache_dir=None)
    start = len(package) + 1

    def child(module: str) -> str:
        return module[start:].partition(".")[0] if module.startswith(f"{package}.") else ""

    found: dict[str, set[str]] = {}
    for module in graph.modules:
        name = child(module)
        if name:
            imported = {child(each) for each in graph.find_modules_directly_imported_by(module)}
            found.setdefault(name, set()).update(
                each for each in imported if each not in {"", name}
            )
    return found


def floors_by_imports(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the lowest layers in which all imports lead down, the highest first.

    Raises:
        ValueError: The imports have a cycle.
    """
    floors: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(imports):
        floor = sorted(name for name in imports.keys() - placed if imports[name] <= placed)
        if not floor:
            raise ValueError(f"imports in a cycle: {sorted(imports.keys() - placed)}")
        floors.insert(0, floor)
        placed.update(floor)
    return floors

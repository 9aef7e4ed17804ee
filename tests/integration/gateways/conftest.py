"""One set of real processes for each gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.gateways.recipes import RECIPES, Recipe
from tests.integration.gateways.world import World

EACH = [
    pytest.param(recipe, id=recipe.name, marks=pytest.mark.xdist_group(f"gateway-{recipe.name}"))
    for recipe in RECIPES
]


@pytest.fixture(scope="session", params=EACH)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A running gateway; a test that changes it restores it."""
    recipe: Recipe = request.param
    # Not the directory of pytest, which only its owner can enter: if root starts Apache or nginx,
    # they run as www-data.
    with TemporaryDirectory(prefix=f"{recipe.name}-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        with World(recipe, Path(directory)) as running:
            yield running

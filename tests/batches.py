"""The distribution of the tests among the workers of pytest-xdist.

`--dist loadgroup` gives every test without a group to a worker separately. The controller then
counts the pending tests again after each test, and looks up each test in the list of all tests.
With 40,000 tests, the controller used as much time as a quarter of the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from xdist.scheduler.loadgroup import LoadGroupScheduling

if TYPE_CHECKING:
    import pytest

BATCH: Final = 64


def batches(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return each test with the name of its batch.

    A batch holds successive tests of one module, or all tests of a group, which the worker marks by
    `@group` after the name.
    """
    counts: dict[str, int] = {}
    for name in names:
        if name.rfind("@") > name.rfind("]"):
            yield name, name.rpartition("@")[2]
            continue
        module = name.partition("::")[0]
        counts[module] = counts.get(module, 0) + 1
        yield name, f"{module} {(counts[module] - 1) // BATCH}"


def slow_first(items: list[pytest.Item]) -> None:
    """Sort the tests so that no long group runs while the other workers have nothing left to do.

    The groups, which start servers, come first, and the many short tests of the contract last.
    """

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("xdist_group") is not None:
            return 0
        return 2 if item.nodeid.startswith("tests/contract/hosts/") else 1

    items.sort(key=place)


class Names(list[str]):
    """A list of distinct names with a constant-time lookup of the index of a name."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(names)
        self._places = {name: place for place, name in enumerate(self)}

    def index(self, value: str, *_: Any) -> int:
        """Return the place of a name."""
        return self._places[value]


class BatchScheduling(LoadGroupScheduling):
    """Gives each worker a batch at a time, in the order of the tests."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._batch_of: dict[str, str] = {}

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """Store the tests that a worker collected."""
        super().add_node_collection(node, collection)
        self.registered_collections[node] = Names(collection)
        if not self._batch_of:
            self._batch_of = dict(batches(collection))

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Mark a test as completed, and remove its batch if the batch is completed."""
        super().mark_test_complete(node, item_index, duration)
        units = self.assigned_work[node]
        batch = self._split_scope(self.registered_collections[node][item_index])
        if all(units[batch].values()):
            del units[batch]

    def _split_scope(self, nodeid: str) -> str:
        return self._batch_of[nodeid]

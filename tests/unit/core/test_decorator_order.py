"""Decorators in the wrong order are found, and the function behind a handler."""

from __future__ import annotations

import functools

from iiniit_guard.adapting.decorator_order import find_misordered, function_of, remember_wrapped
from tests.unit.core.test_decorators import Endpoint


def local(wrap=True):
    def handler():
        raise AssertionError

    @functools.wraps(handler)
    def wrapper():
        raise AssertionError

    if wrap:
        remember_wrapped(handler, wrapper)
    return handler, wrapper


def test_an_inner_function_alone_is_misplaced():
    handler, wrapper = local()
    other, _ = local(wrap=False)

    name = f"{__name__}.local.<locals>.handler"
    assert find_misordered([handler]) == find_misordered([handler, other, handler]) == [name]
    assert find_misordered([functools.partial(handler)]) == [name]
    assert (
        find_misordered([handler, wrapper])
        == find_misordered([wrapper])
        == find_misordered([other])
        == []
    )


def test_one_of_several_decorations_in_its_place_is_enough():
    handler, wrapper = local()
    remember_wrapped(handler, lambda: None)  # of another application, gone

    assert find_misordered([handler, wrapper]) == []
    assert find_misordered([handler]) != []


def test_what_is_no_function_is_no_matter():
    assert find_misordered([None, 3, int, Endpoint(), [], functools.partial(int)]) == []


def test_a_chain_that_bites_its_tail_ends():
    handler, wrapper = local()
    setattr(handler, "__wrapped__", wrapper)  # noqa: B010
    remember_wrapped(handler, wrapper)

    assert find_misordered([handler]) == []


def test_the_function_behind_a_handler():
    assert (
        function_of(functools.partial(functools.partial(Endpoint().dispatch))) is Endpoint.dispatch
    )
    assert function_of(int) is int

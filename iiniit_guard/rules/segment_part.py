"""The parts of a segment: fixed texts, and variables under Werkzeug's converters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from iiniit_guard.rules.language import Item

if TYPE_CHECKING:
    from werkzeug.routing import BaseConverter, Map

Characters = frozenset[str] | None
Shape = tuple[Item[Characters], ...]

ANY_TEXT: Final[Shape] = ((None, False), (None, True))
_DIGIT: Final = frozenset("0123456789")
_DIGITS: Final[Shape] = ((_DIGIT, False), (_DIGIT, True))
_SIGNED: Final[Shape] = ((_DIGIT | {"-"}, False), (_DIGIT, True))
_DOT: Final[Shape] = ((frozenset("."), False),)
_UUID: Final[Shape] = tuple(
    (frozenset("-") if place in (8, 13, 18, 23) else frozenset("0123456789abcdef"), False)
    for place in range(36)
)

# Values on which frameworks differ, besides Unicode digits: Starlette's float accepts 5, its uuid
# accepts a value without hyphens, Django's uuid accepts lower case only.
_LOOSE: Final = {
    "float": r"-?\d+(?:\.\d+)?",
    "uuid": r"[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}",
}
_STRICT: Final = {"uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"}
_WEIGHTS: Final = {"int": 0, "float": 1, "uuid": 2}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A variable as written: `<int(max=9):page>` is `Placeholder("int", "max=9")`."""

    converter: str = "string"
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One fixed text or variable of a segment."""

    text: str
    strict: str
    loose: str
    shape: Shape
    plain: bool
    weight: int = -1
    words: tuple[str, ...] | None = None
    converter: BaseConverter | None = None


def literal_part(text: str) -> Part:
    """Return the part for a fixed text."""
    escaped = re.escape(text)
    return Part(
        text,
        escaped,
        escaped,
        tuple((frozenset(character), False) for character in text),
        True,
        words=(text,),
    )


def variable_part(placeholder: Placeholder) -> Part:
    """Return the part for a variable.

    Raises:
        ValueError: Its converter or the arguments are unknown to Werkzeug.
    """
    name, arguments = (
        ("string" if placeholder.converter == "default" else placeholder.converter),
        placeholder.arguments,
    )
    text = f"<{name}({arguments})>" if arguments else f"<{name}>"
    if text == "<string>":
        return Part(text, "([^/]+)", "([^/]+)", ANY_TEXT, True, weight=200)
    converter, words = _werkzeug_converter(name, arguments)
    loose = converter.regex
    return Part(
        text,
        strict=f"({_STRICT.get(name, loose)})",
        loose=f"(?:{_LOOSE.get(name, loose)})",
        shape=_shape(name, converter),
        plain=not arguments
        or (name == "string" and "maxlength" not in arguments and "," not in arguments),
        weight=2 * _WEIGHTS.get(name, converter.weight) - bool(arguments),
        words=words,
        converter=converter,
    )


def _shape(name: str, converter: BaseConverter) -> Shape:
    if name == "int":
        return _SIGNED if getattr(converter, "signed", False) else _DIGITS
    if name == "float":
        return (*(_SIGNED if getattr(converter, "signed", False) else _DIGITS), *_DOT, *_DIGITS)
    if name == "uuid":
        return _UUID
    lengths = re.fullmatch(r"\[\^/\]\{(\d+)(,?)\d*\}", converter.regex)
    if lengths is None:
        return ANY_TEXT
    return ((None, False),) * int(lengths[1]) + (((None, True),) if lengths[2] else ())


@cache
def _werkzeug_map() -> Map:
    from werkzeug.routing import Map  # takes 80 ms, so only if a rule names a converter

    return Map()


def _werkzeug_converter(name: str, arguments: str) -> tuple[BaseConverter, tuple[str, ...] | None]:
    from werkzeug.routing.rules import parse_converter_args

    converters = _werkzeug_map().converters
    if name not in converters:
        raise ValueError(
            f"unknown converter {name!r}; available are "
            f"{', '.join(sorted(set(converters) - {'default'}))}"
        )
    positional: tuple[str, ...]
    try:
        positional, named = parse_converter_args(arguments) if arguments else ((), {})
        converter = converters[name](_werkzeug_map(), *positional, **named)
        re.compile(converter.regex)
    except (TypeError, ValueError, re.error) as fault:
        raise ValueError(f"invalid arguments of the converter {name!r}") from fault
    words = tuple(positional) if name == "any" else None
    if words is not None and not (words and all(words)):
        raise ValueError("the converter 'any' must list the words that it accepts")
    return converter, words

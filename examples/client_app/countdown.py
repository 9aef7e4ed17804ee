"""A clock that counts down to a moment, as an SVG drawing that needs no script.

The pages of the demo forbid scripts. Each digit is a strip of numbers behind a window, which an
animation moves by one number at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LINE_HEIGHT = 18
"""The distance of two numbers of a strip, in units of the drawing."""


@dataclass(frozen=True, slots=True)
class Strip:
    """One digit of the clock.

    Attributes:
        x: The left edge of its window.
        width: The width of its window.
        numbers: The numbers from top to bottom. The first one is shown first.
        values: The positions of the strip, for `animateTransform`.
        seconds: The duration of all positions.
        begun: How many seconds before the page the animation began.
    """

    x: float
    width: float
    numbers: tuple[int, ...]
    values: str
    seconds: int
    begun: str


@dataclass(frozen=True, slots=True)
class Countdown:
    """The clock: its strips, the place of the colon, and when it ends."""

    strips: tuple[Strip, ...]
    colon: float
    width: float
    ends: str


def countdown(left: float) -> Countdown:
    """Return the clock for a moment in `left` seconds. It shows minutes and seconds.

    A begun second counts as a whole one, so the clock shows `0:00` only when the time is over.
    """
    whole = max(0, math.ceil(left))
    lead = whole - max(0.0, left)  # the part of the first second that has passed
    minutes, rest = divmod(whole, 60)
    tens, units = divmod(rest, 10)
    digit, begin = 9.0, 27.0  # the word `in` is before the digits
    end = begin + digit * len(str(minutes))
    units_down = [(units - step) % 10 for step in range(10)]
    tens_down = [(tens - step) % 6 for step in range(6)]
    return Countdown(
        (
            _strip(begin, end - begin, range(minutes, -1, -1), 60, lead + 59 - rest),
            _strip(end + digit * 0.7, digit, tens_down, 10, lead + 9 - units),
            _strip(end + digit * 1.7, digit, units_down, 1, lead),
        ),
        end + digit * 0.35,
        end + digit * 2.7,
        f"{max(0.0, left):.2f}",
    )


def _strip(x: float, width: float, numbers: Iterable[int], seconds: int, begun: float) -> Strip:
    shown = tuple(numbers)
    return Strip(
        x,
        width,
        shown,
        ";".join(f"0 {-LINE_HEIGHT * place}" for place in range(len(shown))),
        seconds * len(shown),
        f"{begun:.2f}",
    )

"""One finding of `iiniit-guard doctor`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Level: TypeAlias = Literal["ok", "info", "warning", "fault", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        area: What was checked, such as `keys`.
        level: `fault`: tokens are refused, or the guard does not protect. `warning`: it works, and
            should be changed. `unknown`: it could not be checked.
        subject: The issuer or the URL; empty for the host itself.
        text: What was found. It holds no secret.
        cure: The remedy; None if none is needed.
    """

    area: str
    level: Level
    subject: str
    text: str
    cure: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        return asdict(self)

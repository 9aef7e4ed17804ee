"""Types of values that were parsed from JSON, TOML or keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A parsed value. The code that reads it checks its type."""

JsonObject: TypeAlias = dict[str, Any]
"""A parsed object."""

JsonMapping: TypeAlias = Mapping[str, Any]
"""A parsed object that is only read."""

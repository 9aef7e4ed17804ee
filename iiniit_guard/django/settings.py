"""`settings.IINIIT_GUARD`: a `Guard`, or a dict of the guard's and the middleware's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from iiniit_guard.adapting.admission import Admission, make_admission
from iiniit_guard.errors import SettingsError
from iiniit_guard.guard import Guard

SETTING: Final = "IINIIT_GUARD"
_OF_THE_MIDDLEWARE: Final = ("public", "rules", "enforce", "optional_token", "preflights")

_loaded: list[tuple[object, Guard, Admission]] = []


def load() -> tuple[Guard, Admission]:
    """Return the guard and the admission settings of this process.

    They are created once from the settings, and created again if a test replaces the setting.

    Raises:
        SettingsError: The setting is invalid. The exception lists every fault.
    """
    configured = getattr(settings, SETTING, None)
    for source, guard, admission in _loaded:
        if source is configured:
            return guard, admission
    guard, admission = parse(configured)
    _loaded[:] = [(configured, guard, admission)]
    return guard, admission


def parse(configured: object) -> tuple[Guard, Admission]:
    """Create a guard and admission settings from the value of `IINIIT_GUARD`.

    Args:
        configured: A `Guard`, or a mapping. The mapping may have `public`, `rules`, `enforce`,
            `optional_token` and `preflights`. It must have either `guard` or the settings of a
            guard.

    Raises:
        SettingsError: The value is invalid. The exception lists every fault of the guard and of
            the admission settings.
    """
    if isinstance(configured, Guard):
        return configured, make_admission()
    if not isinstance(configured, Mapping) or not configured:
        raise SettingsError(
            [f"{SETTING}: must be a Guard or a dict of settings in the Django settings"]
        )
    ours = {name: configured[name] for name in _OF_THE_MIDDLEWARE if name in configured}
    others = {name: value for name, value in configured.items() if name not in ours}
    faults: list[str] = []
    admission, guard = Admission(), None
    try:
        admission = make_admission(**ours)
    except SettingsError as fault:
        faults += fault.faults
    try:
        guard = _make_guard(others)
    except SettingsError as fault:
        faults += fault.faults
    if guard is None or faults:
        raise SettingsError(faults)
    return guard, admission


def _make_guard(configured: dict[str, Any]) -> Guard:
    if "guard" not in configured:
        return Guard(**configured)
    guard: object = configured["guard"]
    faults = [
        f"{name}: it belongs to the guard, which is given already"
        for name in configured
        if name != "guard"
    ]
    if isinstance(guard, Guard) and not faults:
        return guard
    raise SettingsError(faults if isinstance(guard, Guard) else [*faults, "guard: must be a Guard"])

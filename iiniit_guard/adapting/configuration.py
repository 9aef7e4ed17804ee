"""Create a guard and the admission settings from one value in the settings of a framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from iiniit_guard.adapting.admission import Admission, AdmissionKeywords, make_admission
from iiniit_guard.adapting.types import Keywords
from iiniit_guard.errors import SettingsError
from iiniit_guard.guard import Guard

OF_THE_MIDDLEWARE: Final = AdmissionKeywords.__annotations__


def make_guarded(setting: str, configured: object) -> tuple[Guard, Admission]:
    """Create a guard and admission settings from the value of one setting.

    Args:
        setting: The name of the setting, for messages.
        configured: A `Guard`, or a mapping. The mapping may have `public`, `rules`, `enforce`,
            `optional_token`, `preflights`, `only` and `long_lived`. It must have either `guard` or
            the settings of a guard.

    Raises:
        SettingsError: The value is invalid. The exception lists every fault of the guard and of
            the admission settings.
    """
    if isinstance(configured, Guard):
        return configured, make_admission()
    if not isinstance(configured, Mapping) or not configured:
        raise SettingsError(
            [f"{setting}: must be a Guard, or a dict with at least issuer and audience"]
        )
    ours = {name: configured[name] for name in OF_THE_MIDDLEWARE if name in configured}
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


def _make_guard(configured: Keywords) -> Guard:
    if "guard" not in configured:
        return Guard(**configured)
    guard: object = configured["guard"]
    faults = [
        f"{name}: a setting of the guard; remove it, or remove guard"
        for name in configured
        if name != "guard"
    ]
    if isinstance(guard, Guard) and not faults:
        return guard
    raise SettingsError(faults if isinstance(guard, Guard) else [*faults, "guard: must be a Guard"])

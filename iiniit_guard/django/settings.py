"""`settings.IINIIT_GUARD`: a `Guard`, or a dict of the guard's and the middleware's settings."""

from __future__ import annotations

from functools import partial
from typing import Final

from django.conf import settings

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.adapting.configuration import make_guarded
from iiniit_guard.guard import Guard

SETTING: Final = "IINIIT_GUARD"
parse: Final = partial(make_guarded, SETTING)

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

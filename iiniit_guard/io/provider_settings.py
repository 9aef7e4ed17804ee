"""The text form of the presets: `provider` and its parameters in the environment and in TOML."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from iiniit_guard import providers
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.settings.guard_settings import ISSUER_SETTINGS
from iiniit_guard.errors import SettingsError

_PROVIDER: Final = "provider"
_PREFIX: Final = "provider_"
_MAKERS: Final[Mapping[str, Callable[..., TrustedIssuer]]] = {
    name: getattr(providers, name) for name in providers.__all__
}
_PARAMETERS: Final[Mapping[str, Mapping[str, inspect.Parameter]]] = {
    name: {
        each.name: each
        for each in inspect.signature(maker).parameters.values()
        if each.kind is not inspect.Parameter.VAR_KEYWORD
    }
    for name, maker in _MAKERS.items()
}
# A preset names the audience like every issuer, so it needs no prefix.
_OF_PRESETS: Final = frozenset(
    name for parameters in _PARAMETERS.values() for name in parameters if name != "audience"
)
PROVIDER_NAMES: Final = frozenset({_PROVIDER, *(_PREFIX + name for name in _OF_PRESETS)})
"""The names of the settings that select a preset and give its parameters."""
PROVIDER_LISTS: Final = frozenset(
    _PREFIX + name for name in ("client_roles", "client_ids", "emails")
)
PROVIDER_FLAGS: Final = frozenset(_PREFIX + name for name in ("roles", "shared_keys"))
PROVIDER_NUMBERS: Final = frozenset({"provider_token_version"})


def with_provider(keywords: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return keywords for `Guard` in which `issuers` replaces the settings of a preset.

    Args:
        keywords: Perhaps with `provider` and its parameters.

    Returns:
        The keywords, and the faults, each under the name of its setting in the text form.
    """
    given = {name: value for name, value in keywords.items() if name in PROVIDER_NAMES}
    rest = {name: value for name, value in keywords.items() if name not in given}
    if not given:
        return rest, []
    if "issuers" in rest:
        return rest, [f"{name}: with issuers it belongs to one of [[issuers]]" for name in given]
    provider = given.pop(_PROVIDER, None)
    if not isinstance(provider, str) or provider not in _MAKERS:
        # The settings of the issuer cannot be checked without its provider.
        return _without_issuer(rest), [f"provider: must be one of {', '.join(_MAKERS)}"]
    own = {name: value for name, value in rest.items() if name in ISSUER_SETTINGS}
    arguments = {name.removeprefix(_PREFIX): value for name, value in given.items()}
    faults = _parameter_faults(provider, arguments, own)
    if not faults:
        try:
            issuer = _MAKERS[provider](**arguments, **own)
        except SettingsError as error:
            faults = [_in_text(provider, fault) for fault in error.faults]
        else:
            return {**_without_issuer(rest), "issuers": [issuer]}, []
    return _without_issuer(rest), faults


def _parameter_faults(provider: str, arguments: Mapping[str, Any], own: Iterable[str]) -> list[str]:
    """Return the parameters that the preset does not have, and those that it lacks."""
    known = _PARAMETERS[provider]
    names = [name if name == "audience" else _PREFIX + name for name in known]
    strange = [
        f"{_PREFIX}{name}: provider {provider} has no such parameter; it has {', '.join(names)}"
        for name in sorted(arguments.keys() - known.keys())
    ]
    missing = [
        f"{_PREFIX if name != 'audience' else ''}{name}: required by provider {provider}"
        for name, each in known.items()
        if each.default is inspect.Parameter.empty and name not in {*arguments, *own}
    ]
    return strange + missing


def _in_text(provider: str, fault: str) -> str:
    name = fault.partition(":")[0]
    return f"{_PREFIX}{fault}" if name != "audience" and name in _PARAMETERS[provider] else fault


def _without_issuer(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the API, with a placeholder for the issuers."""
    return {
        **{name: value for name, value in keywords.items() if name not in ISSUER_SETTINGS},
        "issuers": str,
    }

"""The draft of an issuer's settings: parameters of a preset, their faults, and the result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.errors import SettingsError

if TYPE_CHECKING:
    from iiniit_guard.core.settings.options import IssuerOptions

GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SEGMENT: Final = re.compile(r"(?!\.\.?\Z)(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+")
"""One segment of a URL's path (RFC 3986 §3.3), without characters that an identifier never has."""
LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
"""One label of a host name."""

# A caller may replace these. They determine which URLs the guard calls, or narrow what it accepts.
_REPLACEABLE: Final = frozenset(
    {"metadata_url", "jwks_uri", "introspection_endpoint", "algorithms", "token_prefix"}
)
_SETTINGS: Final = frozenset(each.name for each in fields(TrustedIssuer))
_PLACEHOLDER: Final = "missing.invalid"


class Draft:
    """Collects the faults of a preset's parameters and the settings that it fills in.

    Args:
        preset: The name of the preset.
        settings: Settings of the caller, besides the parameters.
    """

    def __init__(self, preset: str, settings: IssuerOptions) -> None:
        self.faults: list[str] = []
        self._preset = preset
        self._own: dict[str, Any] = dict(settings)

    def has(self, name: str) -> bool:
        """Return whether the caller set this setting."""
        return self._own.get(name) is not None

    def host(self, name: str, value: object) -> str:
        """Check for a host as in a URL, in lower case, perhaps with a port."""
        fault = check.text(value)
        if fault is None and (
            check.endpoint_fault(f"https://{value}") is not None
            or urlsplit(f"https://{value}").netloc != value
            or value != str(value).lower()
        ):
            fault = "must be a host in lower case; remove https://, the path and the slash"
        return self._checked(name, value, fault)

    def url(self, name: str, value: object) -> str:
        """Check for a URL that the guard may call, without a query. Return it without a slash."""
        hosts = self._own.get("insecure_http_hosts", ())
        known = hosts if check.hosts(hosts) is None else ()
        fault = check.endpoint_fault(value, known)
        if fault is None and "?" in str(value):
            fault = "must not have a query; remove it"
        checked = self._checked(name, value, fault).rstrip("/")
        return f"https://{_PLACEHOLDER}" if fault is not None else checked

    def word(self, name: str, value: object, pattern: re.Pattern[str], wanted: str) -> str:
        """Check for text that has the form `pattern`, which `wanted` describes."""
        fits = isinstance(value, str) and pattern.fullmatch(value)
        return self._checked(name, value, None if fits else f"must be {wanted}")

    def words(self, name: str, value: str | Sequence[str]) -> tuple[str, ...]:
        """Check for zero or more strings; one string counts as a list of one."""
        listed: object = (value,) if isinstance(value, str) else value
        fault = check.names(listed)
        if fault is not None:
            self.faults.append(f"{name}: {fault}")
            return ()
        return tuple(value) if not isinstance(value, str) else (value,)

    def flag(self, name: str, value: object) -> bool:
        """Check for true or false."""
        if not isinstance(value, bool):
            self.faults.append(f"{name}: must be true or false")
        return value is True

    def refuse(self, name: str, why: str) -> None:
        """Record a fault if the caller set the setting `name`."""
        if self.has(name):
            self.faults.append(f"{name}: {why}")

    def make(
        self,
        *,
        require_claim: Mapping[str, Any] | None = None,
        scope_claims: Sequence[Sequence[str]] = (),
        **filled: Any,
    ) -> TrustedIssuer:
        """Return the issuer.

        Args:
            require_claim: Requirements that are added to those of the caller.
            scope_claims: Paths that are added to those of the caller.
            filled: The other settings of the preset.

        Raises:
            SettingsError: With every fault of the parameters and of the settings.
        """
        own = self._own
        self.faults += [
            f"{name}: provider {self._preset} sets it; remove it"
            for name in sorted(
                (own.keys() & filled.keys()) - _REPLACEABLE | own.keys() & {"preset"}
            )
        ]
        self._join_claims(own, require_claim or {})
        if scope_claims:
            given = own.get("scope_claims", ())
            own["scope_claims"] = (
                (*given, *scope_claims) if check.scope_paths(given) is None else given
            )
        if self.has("jwks_file") and "jwks_uri" not in own:
            filled.pop("jwks_uri", None)
        if not filled["audience"]:
            if not self.faults:
                self.faults.append("audience: must be one or more strings")
            filled["audience"] = _PLACEHOLDER
        self.faults += [f"{name}: unknown setting" for name in sorted(own.keys() - _SETTINGS)]
        known = {name: value for name, value in own.items() if name in _SETTINGS}
        settings: dict[str, Any] = {**filled, **known, "preset": self._preset}
        try:  # check the rest too, so that all faults are reported together
            issuer = TrustedIssuer(**settings)
        except SettingsError as error:
            raise SettingsError([*self.faults, *error.faults]) from None
        if self.faults:
            raise SettingsError(self.faults)
        return issuer

    def _join_claims(self, own: dict[str, Any], required: Mapping[str, Any]) -> None:
        given = own.get("require_claim", {})
        if not required or check.claim_table(given) is not None:
            return
        self.faults += [
            f"require_claim: provider {self._preset} requires the claim {name} itself; remove it"
            for name in sorted(given.keys() & required.keys())
        ]
        own["require_claim"] = {**given, **required}

    def _checked(self, name: str, value: object, fault: str | None) -> str:
        if fault is None:
            return str(value)
        self.faults.append(f"{name}: {fault}")
        return _PLACEHOLDER

"""The settings of an issuer are checked and copied unless they have their defaults."""

from __future__ import annotations

from dataclasses import MISSING, fields

from iiniit_guard.core.issuer.issuer_checks import CHECKS
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer


def test_every_default_passes_its_check_and_cannot_change():
    for each in fields(TrustedIssuer):
        if each.default is not MISSING and each.default is not None:
            hash(each.default)  # a list or a table has no hash
            assert each.name not in CHECKS or CHECKS[each.name](each.default) is None, each.name

"""The status page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from iiniit_guard.sidecar.history import summary

if TYPE_CHECKING:
    from iiniit_guard.sidecar.history import Snapshot


def render(snapshot: Snapshot) -> str:
    """Write the page.

    Args:
        snapshot: What `Sidecar.snapshot` gives.
    """
    total = summary(snapshot["total"])
    issuers = "".join(
        f"<li>{escape(issuer['issuer'])}: {'healthy' if issuer['healthy'] else 'failing'}</li>" for issuer in snapshot["issuers"]
    )
    return (
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>iiniit-guard</title>"
        f"<h1>iiniit-guard</h1><p>{total['requests']} requests since the start</p><ul>{issuers}</ul>"
    )

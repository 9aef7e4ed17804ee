"""Protection of forms against cross-site request forgery."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import abort, request, session


def csrf_token(purpose: str) -> str:
    """Return the hidden value of one form.

    Args:
        purpose: The purpose of the form, which is compared exactly. The purpose of the consent form
            holds the complete authorization request, so that an approval applies only to the
            request that the page showed.
    """
    nonce = session.setdefault("csrf", secrets.token_urlsafe(32))
    return hmac.new(nonce.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def check_csrf(purpose: str) -> None:
    """Abort with 400 unless the form was made by this application for this session and purpose."""
    sent = request.form.get("csrf", "")
    if "csrf" not in session or not hmac.compare_digest(
        csrf_token(purpose).encode(), sent.encode()
    ):
        abort(400, "This form is too old, or it did not come from here. Please start again.")

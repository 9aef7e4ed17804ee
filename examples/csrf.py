"""Forms that only our own pages can send."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import abort, request, session


def csrf_token(purpose: str) -> str:
    """Make the hidden value of one form.

    Args:
        purpose: What the form is for, to the letter. The consent form's holds the whole authorization request, so that an approval
            counts for nothing but what was on the page.
    """
    nonce = session.setdefault("csrf", secrets.token_urlsafe(32))
    return hmac.new(nonce.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def check_csrf(purpose: str) -> None:
    """End the request with 400 unless its form came from our page, in this browser, for this purpose."""
    sent = request.form.get("csrf", "")
    if "csrf" not in session or not hmac.compare_digest(csrf_token(purpose).encode(), sent.encode()):
        abort(400, "This form is too old, or it did not come from here. Please start again.")

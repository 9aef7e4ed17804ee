"""The storage of the profiles, independent of tokens and frameworks. A real API uses a database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

CHANGEABLE = ("name", "avatar_url", "bio", "location", "website")


class Profiles:
    """The profiles by subject, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._profiles: dict[str, dict[str, str]] = {}

    def read(self, subject: str, *, with_email: bool) -> dict[str, str]:
        """Return the profile of a subject, with `email` only if the caller requests it."""
        with self._lock:
            profile = dict(self._profiles.setdefault(subject, _new_profile(subject)))
        if not with_email:
            del profile["email"]
        return profile

    def change(self, subject: str, changes: Any) -> None:
        """Change members of a profile.

        Raises:
            ValueError: `changes` is not a JSON object, or a member cannot be changed or is not a
                short string.
        """
        if not isinstance(changes, dict) or not changes:
            raise ValueError("The body is a JSON object with the members to change.")
        for name, value in changes.items():
            if name not in CHANGEABLE:
                raise ValueError(f"These members can be changed: {', '.join(CHANGEABLE)}.")
            if not isinstance(value, str) or len(value) > 200:
                raise ValueError(f"{name} is a text of at most 200 characters.")
        with self._lock:
            profile = self._profiles.setdefault(subject, _new_profile(subject))
            profile.update(changes, updated_at=_now())


def problem(status: int, detail: str) -> dict[str, object]:
    """Return the body of a problem response (RFC 9457)."""
    return {
        "title": "Bad Request" if status == 400 else "Not Found",
        "status": status,
        "detail": detail,
    }


def _new_profile(subject: str) -> dict[str, str]:
    username = subject.removeprefix("usr_")
    return {
        "id": subject,
        "username": username,
        "name": "Demo Account",
        "email": f"{username}@iiniit.example",
        "avatar_url": "https://demo.example/avatar.png",
        "bio": "An account to try OAuth with. Change this text in step 6.",
        "location": "This machine",
        "website": "https://demo.example/profile",
        "created_at": "2024-03-18T09:12:44Z",
        "updated_at": "2026-01-07T16:40:03Z",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

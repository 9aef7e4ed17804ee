"""Explanations of the responses of the API: the result, its reason and what a client should do."""

from __future__ import annotations

import re
import time

import httpx2

from examples.client_app.exchange import status_line
from examples.client_app.settings import ApiSettings, Settings
from examples.client_app.visit import Answer, Held


def explain(
    settings: Settings,
    api: ApiSettings,
    held: Held,
    response: httpx2.Response | None,
    *,
    changed: bool,
) -> Answer:
    """Return the explanation of the API's response for this token and this API."""
    if response is None:
        return Answer(
            "wait",
            "",
            "The API does not answer",
            ("Is it still running? The token is as good as before.",),
        )
    status = status_line(response.status_code)
    facts = _facts(response)
    body = response.json()
    if response.status_code == 200:
        words = _still_works(settings, api, held)
        done = "The profile was changed" if changed else "Here is the profile"
        if words:
            title = (
                "Revoked, and it still works"
                if held.revoked_at is not None
                else "Just expired, and it still works"
            )
            return Answer("wait", status, title, words, _profile(body), body)
        return Answer(
            "done",
            status,
            done,
            ("The API found the token valid and its scope sufficient.",),
            _profile(body),
            body,
        )
    reason = body.get("reason", "")
    if response.status_code == 403:
        wanted = _parameter(response, "scope")
        words = (
            (
                f"The token is good, but {wanted} is not among its scopes. That is 403, not 401: "
                "another token like it would not help."
            ),
            (
                f"A client that needs it starts again at step 1 and asks for {wanted}; the person "
                "decides."
            ),
        )
        return Answer("refused", status, f"The scope {wanted} is missing", words, facts)
    if response.status_code == 503:
        seconds = response.headers.get("retry-after", "")
        words = (
            (
                "The API does not know this token yet, and the authorization server, which it must "
                "ask, does not answer."
            ),
            (
                "That says nothing about the token, so it is not 401: a client keeps its token and "
                f"comes again in {seconds} s."
            ),
        )
        return Answer("wait", status, "The API cannot find out", words, facts)
    if held.revoked_at is not None and reason in ("inactive", "revoked"):
        after = time.time() - held.revoked_at
        words = (
            (
                f"You revoked the token {after:.1f} s ago. The API asked the authorization server, "
                "which no longer calls it active."
            ),
            (
                f"The API promised to refuse it within {settings.revocation_delay_seconds} s of "
                "the revocation."
            ),
        )
        return Answer("refused", status, "The token was revoked", words, facts)
    if reason == "expired" or time.time() >= held.expires_at:
        words = (
            (
                f"Its life ended at {_clock(held.expires_at)}. Since clocks differ, it was "
                f"accepted {settings.expiry_leeway_seconds} s longer."
            ),
            "A client uses its refresh token to get a new one, without asking the person again.",
        )
        return Answer("refused", status, "The token has expired", words, facts)
    return Answer("refused", status, "The API refused the token", (body.get("detail", ""),), facts)


def _still_works(settings: Settings, api: ApiSettings, held: Held) -> tuple[str, ...]:
    now = time.time()
    if held.revoked_at is not None and held.kind == "jwt" and api.jwt == "verify":
        return (
            (
                f"You revoked the token {now - held.revoked_at:.1f} s ago, and it still works "
                f"until {_clock(held.expires_at)} (exp)."
            ),
            (
                "Why: this API verifies the signature of a JWT itself and asks nobody. That is "
                "fast, and it does not notice a revocation."
            ),
            (
                'What helps: short-lived tokens, or the setting jwt="introspect": then the API '
                "asks about JWTs too."
            ),
        )
    if held.revoked_at is not None:
        return (
            (
                f"You revoked the token {now - held.revoked_at:.1f} s ago. The API still goes by "
                "the answer that it got before that."
            ),
            (
                f"It refuses the token at most {settings.revocation_delay_seconds} s after the "
                "revocation. Try again in a moment."
            ),
        )
    if now >= held.expires_at:
        return (
            (
                f"Its life ended at {_clock(held.expires_at)}. Since clocks differ, it is accepted "
                f"{settings.expiry_leeway_seconds} s longer."
            ),
            "Try again in a moment.",
        )
    return ()


def _facts(response: httpx2.Response) -> tuple[tuple[str, str], ...]:
    names = ("WWW-Authenticate", "Retry-After")
    return tuple((name, response.headers[name]) for name in names if name in response.headers)


def _profile(body: dict[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value) or "(empty)") for name, value in body.items())


def _parameter(response: httpx2.Response, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', response.headers.get("www-authenticate", ""))
    return found[1] if found else ""


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))

"""Calls of the API through the gateway, and what the gateway and the guard say about each."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from pathlib import Path
from typing import Any

import httpx2

from examples.client_app.checks import Decided, decided
from examples.client_app.exchange import Exchange, lay_out, status_line
from examples.client_app.explain import explain
from examples.client_app.oauth import OAuthClient
from examples.client_app.settings import ApiSettings, Settings
from examples.client_app.visit import Answer, Happened, Held, Passage
from examples.gateway_site import GUARD_LOG, LOG, lines_about

FORGED = "usr_admin"
# A line of `iiniit_guard.observe.log.DecisionLog`.
_DECISION = re.compile(
    r" (?P<decision>allow|deny|unavailable) (?P<status>\d+) (?P<reason>\S+) (?P<method>\S+) "
    r"host=(?P<host>\S+) cache=(?P<cache>\S+) ms=(?P<ms>\S+) issuer=(?P<issuer>\S+) "
    r"client=(?P<client_id>\S+) token=(?P<token_digest>\S+)"
)


def pass_through(
    settings: Settings,
    oauth: OAuthClient,
    held: Held | None,
    *,
    change: dict[str, str] | None = None,
    forged: bool = False,
) -> Passage:
    """Call the API through the gateway.

    Args:
        settings: The settings of the client.
        oauth: The client.
        held: The token to send; None for a call without one.
        change: The members of the profile to change; None reads the profile.
        forged: Whether to send the field in which the gateway names the subject to the API.
    """
    call = secrets.token_hex(8)
    headers = {"X-Request-Id": call, **({"X-Iiniit-Subject": FORGED} if forged else {})}
    api = ApiSettings("gateway", "the gateway", settings.gateway.url)
    response, exchange = oauth.call_api(api, held, change, headers)
    sent = Exchange(exchange.request, "")
    if response is None:
        words = ("The terminal in which the demo runs may say why.",)
        answer = Answer("wait", "", "The gateway does not answer", words)
        return Passage({1: Happened("refused", (sent,))}, answer)
    log = _log_of(Path(settings.gateway.directory), call)
    steps = {1: Happened("done", (sent,))}
    asked, forwarded = log.get("guard"), log.get("api")
    allowed = asked is not None and asked["status"] == "200"
    if asked is not None:
        steps[2] = Happened("done", (_question(asked, held),))
        steps[3] = Happened(
            "done" if allowed else "refused",
            (_reply(asked),),
            decided=_decided(Path(settings.gateway.directory), held),
        )
    received = Exchange("", exchange.response)
    if allowed and forwarded is not None:
        steps[4] = Happened("done", (_forwarded(forwarded, sent, held),))
        steps[5] = Happened("done", (received,))
    steps[6] = Happened("done" if response.is_success else "refused", (received,))
    return Passage(
        steps, _explain(settings, api, held, response, changed=change is not None, forged=forged)
    )


def _log_of(directory: Path, call: str) -> dict[str, dict[str, str]]:
    """Return the lines of the gateway by `part`. nginx writes the last one after its answer."""
    limit = time.monotonic() + 1
    while True:
        log = {line["part"]: line for line in lines_about(directory / LOG, call)}
        if "api" in log or time.monotonic() > limit:
            return log
        time.sleep(0.02)


def _question(asked: dict[str, str], held: Held | None) -> Exchange:
    fields = [
        ("X-Original-Method", asked["method"]),
        ("X-Original-Uri", asked["uri"]),
        ("X-Original-Host", asked["host"]),
        *_token(held),
    ]
    return Exchange(lay_out("GET /auth", fields, ""), "", "the gateway, in its log")


def _reply(asked: dict[str, str]) -> Exchange:
    answer = asked["answer"]
    packed = f"{answer[:16]}…[{len(answer)} characters]" if answer else ""
    fields = [*_identity(asked), ("X-Iiniit-Answer", packed)]
    status = status_line(int(asked["status"]))
    text = lay_out(status, [field for field in fields if field[1]], "")
    return Exchange("", text, "the gateway, in its log")


def _forwarded(line: dict[str, str], sent: Exchange, held: Held | None) -> Exchange:
    method, _, url = sent.request.partition("\n")[0].partition(" ")
    path = "/" + url.split("/", 3)[3]
    return Exchange(lay_out(f"{method} {path}", [*_identity(line), *_token(held)], ""), "")


def _identity(line: dict[str, str]) -> list[tuple[str, str]]:
    names = {"subject": "X-Iiniit-Subject", "client": "X-Iiniit-Client", "scope": "X-Iiniit-Scope"}
    return [(name, line[key]) for key, name in names.items()]


def _token(held: Held | None) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {held.access_token}")] if held else []


def _decided(directory: Path, held: Held | None) -> Decided | None:
    """Return the last decision about a token, from the log of the guard."""
    digest = hashlib.sha256(held.access_token.encode()).hexdigest()[:16] if held else "-"
    text = (directory / GUARD_LOG).read_text(encoding="utf-8", errors="replace")
    lines = [found.groupdict() for found in map(_DECISION.search, text.splitlines()) if found]
    line = next((each for each in reversed(lines) if each["token_digest"] == digest), None)
    if line is None:
        return None
    event: dict[str, Any] = {name: value for name, value in line.items() if value != "-"}
    seconds = float(event.pop("ms")) / 1000
    status = None if line["decision"] == "allow" else int(line["status"])
    event |= {"status": status, "seconds": seconds, "reason": event.get("reason")}
    return decided(event, asks=held is not None and held.kind != "jwt")


def _explain(
    settings: Settings,
    api: ApiSettings,
    held: Held | None,
    response: httpx2.Response,
    *,
    changed: bool,
    forged: bool,
) -> Answer:
    status = status_line(response.status_code)
    if held is None:
        words = ("The guard refused it, so the gateway forwarded nothing. The API was not called.",)
        facts = (("WWW-Authenticate", response.headers.get("www-authenticate", "")),)
        return Answer("refused", status, "Without a token nothing passes", words, facts)
    answer = explain(settings, api, held, response, changed=changed)
    if not response.is_success:
        return answer
    title, words = answer.title, ("The guard allowed the request, and the gateway forwarded it.",)
    if forged:
        title = "The forged subject had no effect"
        words = (
            (
                f"The client sent X-Iiniit-Subject: {FORGED}. The gateway replaced it with "
                "the subject of the token, so this is the profile of that subject."
            ),
        )
    return Answer(answer.tone, status, title, words, answer.facts, answer.profile)

"""The issuers section of the status page: health, age of the keys, and last failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from iiniit_guard.adapting.types import Members
from iiniit_guard.sidecar.status.formatting import count, lasting, moment, shown, things

# Further issuers are collapsed. A list of a hundred healthy issuers would hide a failing one.
_SHOWN: Final = 12
_ICONS: Final[Mapping[str, str]] = {  # states differ in shape, not only in colour
    "good": '<circle cx="8" cy="8" r="8"/><path d="M4.2 8.3l2.6 2.6 5-5.6"/>',
    "wait": '<path class="body" d="M8 .6 16 15H0z"/><path d="M8 5.6v4.2M8 12.2v.6"/>',
    "bad": '<rect width="16" height="16" rx="3"/><path d="M4.8 4.8l6.4 6.4m0-6.4-6.4 6.4"/>',
}
_JWT: Final[Mapping[str, str]] = {
    "verify": "verified here",
    "introspect": "introspected",
    "both": "verified, then introspected",
}


def pill(state: str, words: str) -> str:
    """Return the HTML of a state: an icon, a colour and a label.

    Args:
        state: `good`, `wait` or `bad`.
        words: HTML of the label.
    """
    icon = (
        f'<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">{_ICONS[state]}</svg>'
    )
    return f'<span class="pill {state}">{icon}{words}</span>'


def state_of(issuer: Members) -> str:
    """Return `bad` after a failure, `wait` until the keys are fetched, and `good` otherwise."""
    return "bad" if issuer["errors"] else "good" if issuer["healthy"] else "wait"


def issuers_section(issuers: Sequence[Members]) -> str:
    """Return the HTML of the section, with failing issuers first.

    Args:
        issuers: The states that `describe_issuers` returns.
    """
    order = ("bad", "wait", "good")
    them = sorted(issuers, key=lambda issuer: (order.index(state_of(issuer)), issuer["issuer"]))
    cards = [_card(issuer) for issuer in them]
    rest = ""
    if len(cards) > _SHOWN:
        states = [state_of(issuer) for issuer in them[_SHOWN:]]
        counted = ", ".join(
            f"{count(states.count(state))} {word}"
            for state, word in zip(order, ("failing", "waiting", "healthy"), strict=True)
            if state in states
        )
        rest = (
            f"<details><summary>{len(states)} more: {counted}</summary><ul class=issuers>"
            f"{''.join(cards[_SHOWN:])}</ul></details>"
        )
    return (
        f"<section aria-labelledby=issuers><h2 id=issuers>Issuers</h2><ul class=issuers>"
        f"{''.join(cards[:_SHOWN])}</ul>{rest}</section>"
    )


def _card(issuer: Members) -> str:
    state = state_of(issuer)
    words = {"good": "Healthy", "wait": "No keys yet", "bad": "Failing"}[state]
    errors = "".join(
        f"<li><b>{shown(part)}</b> {shown(_without(part, what))}{_since(issuer, part)}</li>"
        for part, what in sorted(issuer["errors"].items())
    )
    failing = ""
    if errors:
        kept = "<p>The keys at hand go on being used.</p>" if issuer["keys"] else ""
        if "status lists" in issuer["errors"]:
            kept += "<p>A list is used until it expires. Then requests with its tokens get 503.</p>"
        failing = (
            f"<div class=failing><h4>Failed at the last attempt</h4><ul>{errors}</ul>{kept}</div>"
        )
    return (
        f"<li class='card issuer {state}'><div "
        f"class=head>{pill(state, words)}<h3><bdi>{shown(issuer['issuer'])}</bdi></h3></div>"
        f"<dl><div><dt>JWTs</dt><dd>{shown(_JWT.get(issuer['jwt'], issuer['jwt']))}</dd></div>"
        "<div><dt>Opaque "
        f"tokens</dt><dd>{'introspected' if issuer['introspects'] else 'refused'}</dd></div>"
        f"<div><dt>Keys</dt><dd>{_keys(issuer)}</dd></div>"
        "<div><dt>Introspection "
        f"calls</dt><dd>{count(issuer['calls'])}</dd></div></dl>{failing}</li>"
    )


def _since(issuer: Members, part: str) -> str:
    began = issuer.get("since", {}).get(part)
    return "" if began is None else f" <span class=nw>since {moment(began)}</span>"


def _without(part: str, what: str) -> str:
    """Return the failure without a leading name of its part."""
    return what.removeprefix(f"{part}: ").removeprefix("jwks: ")


def _keys(issuer: Members) -> str:
    if issuer["keys"] is None:
        return "not used" if issuer["jwt"] == "introspect" else "none yet"
    age = "" if issuer["keys_age"] is None else f", {lasting(issuer['keys_age'])} old"
    return f"{things(issuer['keys'], 'key')}{age}"

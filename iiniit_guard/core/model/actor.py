"""The actors of a delegated token: the parties that act for its subject.

Spec: RFC 8693 §4.1; the claim `sub_profile` of an actor: OAuth Entity Profiles (draft).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from iiniit_guard.core.model.copying import CopiedAsItself
from iiniit_guard.core.model.json_types import Json, JsonMapping

MAX_ACTORS: Final = 16
"""A longer chain is refused. A chain has one actor for each token exchange."""

_TEXTS: Final = ("sub", "iss", "client_id", "sub_profile")


@dataclass(frozen=True, slots=True)
class Actor(CopiedAsItself):
    """One party that acts, or acted, for the subject of a token.

    Its `repr` omits the identifiers.

    Attributes:
        subject: `sub`; None if the actor is named by `client_id` alone.
        issuer: `iss`, the issuer that assigned `subject`; None means the issuer of the token.
        client_id: `client_id`, or None.
        profiles: The words of `sub_profile` in lower case, such as `ai_agent` or `service`.
        claims: All members of the actor except the nested `act`, read-only.

    Spec: RFC 8693 §4.1.
    """

    subject: str | None = field(repr=False)
    issuer: str | None = field(repr=False)
    client_id: str | None = field(repr=False)
    profiles: frozenset[str]
    claims: JsonMapping = field(repr=False, compare=False)


def parse_actors(claim: Json) -> tuple[Actor, ...] | None:
    """Return the actors of the claim `act`, the current actor first; None if it is malformed.

    An actor is an object that names a party by `sub` or `client_id`. The nested `act` names the
    previous actor.

    Args:
        claim: The value of `act`, as parsed from JSON or frozen.
    """
    actors: list[Actor] = []
    while len(actors) < MAX_ACTORS:
        if not isinstance(claim, Mapping):
            return None
        members = {name: claim[name] for name in claim if name != "act"}
        texts = [members.get(name, "") for name in _TEXTS]
        if not all(isinstance(text, str) for text in texts) or not (texts[0] or texts[2]):
            return None
        subject, issuer, client, profile = texts
        shown = MappingProxyType(members)
        actors.append(
            Actor(subject or None, issuer or None, client or None, profile_words(profile), shown)
        )
        if "act" not in claim:
            return tuple(actors)
        claim = claim["act"]
    return None


def profile_words(profile: str) -> frozenset[str]:
    """Return the words of an entity profile. They are separated by spaces and ignore case."""
    return frozenset(profile.lower().split(" ")) - {""}

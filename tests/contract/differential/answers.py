"""Random introspection responses: good ones with up to three named changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from tests.contract.differential.generate import BROKEN_JSON, CHANGES, MARKS, OFTEN, good_claims


def make_answer(
    random: Random, now: float, *, more_claims: Mapping[str, Any] | None = None
) -> tuple[int, str, bytes, list[str]]:
    """Return status, media type and body of an introspection answer, and the names of
    its changes.
    """
    answer, names = (
        {"active": True, **good_claims(now), **(more_claims or {}), "token_type": "Bearer"},
        [],
    )
    choices = {**CHANGES, **{name: MARKS[name] for name in ("token_use", "typ", "hash", "nonce")}}
    for _ in range(random.choice([0, 0, 1, 1, 1, 2, 3])):
        name = random.choice([*choices, *OFTEN])
        choices[name](answer, random, now)
        names.append(name)
    if random.random() < 0.1:
        answer["active"] = random.choice([False, False, None, "true", 1, 0, []])
        names.append("active")
    if random.random() < 0.1:
        answer["token_type"] = random.choice(
            [
                "bearer",
                "access_token",
                "DPoP",
                "urn:ietf:params:oauth:token-type:access_token",
                1,
                None,
            ]
        )
        names.append("token_type")
    body = json.dumps(answer).encode()
    if random.random() < 0.1:
        name = random.choice(list(BROKEN_JSON))
        body = BROKEN_JSON[name](body, random)
        names.append(name)
    status = (
        random.choice([401, 403, 404, 400, 429, 500, 503, 201, 204])
        if random.random() < 0.05
        else 200
    )
    media_type = "application/json"
    if random.random() < 0.1:
        media_type = random.choice(
            [
                "application/json; charset=utf-8",
                "Application/JSON",
                "application/x+json",
                "text/html",
                "application/jwt",
            ]
        )
    return (
        status,
        media_type,
        body,
        [
            *names,
            *([str(status)] if status != 200 else []),
            *([media_type] if media_type != "application/json" else []),
        ],
    )

"""Every way to call a guard."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented

NOW = 1_800_000_000
READ, WRITE = make_policy(["user:read"]), make_policy(["user:write"])


def request(token=None, *more, method="GET", query=b"", line=None):
    line = line if line is not None else b"Bearer " + token.encode() if token is not None else None
    return Request(
        method, "/", query, [*([] if line is None else [(b"authorization", line)]), *more]
    )


def begin(guard, token, query=b"", requirement=ANY_TOKEN, *, line=None, method="GET", host="guard"):
    """Return what the first half of a decision returns: a token, or a pending decision."""
    return guard._engine.begin(
        Presented.of(request(token, line=line, query=query, method=method), host), requirement
    )


def decide_sync(guard, *arguments, **more):
    return guard.authenticate(*arguments, **more)


def decide_async(guard, *arguments, **more):
    return asyncio.run(guard.authenticate_async(*arguments, **more))


def verify_sync(guard, token):
    return guard.verify(token)


def verify_async(guard, token):
    return asyncio.run(guard.verify_async(token))


both_ways = pytest.mark.parametrize("decide", [decide_sync, decide_async], ids=["sync", "async"])
both_verify = pytest.mark.parametrize("verify", [verify_sync, verify_async], ids=["sync", "async"])

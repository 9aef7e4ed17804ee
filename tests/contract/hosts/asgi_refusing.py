"""Bare ASGI applications that a handler refuses while they respond, and their messages."""

from __future__ import annotations

from iiniit_guard.adapting.decorators import decide_async
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.errors import UsageError

ADMIN = make_policy(["admin"])


async def refused(scope):
    """Refuse the request as a decorator does, and ignore the refusal."""
    await decide_async(scope, lambda: request_from_scope(scope), ADMIN, "asgi")


def start(status=200, *headers, **more):
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(content=b"secret", **more):
    return {"type": "http.response.body", "body": content, **more}


class After:
    """Sends `first`, is refused, and sends `then`; finally raises `error`, if given."""

    def __init__(self, *then, first=(), error=None, catching=False):
        self.first, self.then, self.error, self.catching = first, then, error, catching
        self.caught = []

    async def __call__(self, scope, receive, send):
        for message in self.first:
            await send(message)
        await refused(scope)
        for message in self.then:
            try:
                await send(message)
            except UsageError as error:
                if not self.catching:
                    raise
                self.caught.append(error)
        if self.error is not None:
            raise self.error

"""Header fields of a request that an ASGI server appends after the guard has decided."""

from __future__ import annotations

import pytest

from iiniit_guard.asgi import GuardMiddleware
from tests.contract.hosts.asgi_exchange import exchange, http
from tests.contract.hosts.asgi_refusing import refused, start

LATE = [
    (b"authorization", b"Bearer forged"),
    (b"x-iiniit-subject", b"admin"),
    (b"x-http-method-override", b"DELETE"),
]


@pytest.mark.parametrize("settings", [{}, {"jwt": "introspect"}], ids=["verified", "introspected"])
def test_fields_that_the_server_appends_later_reach_neither_guard_nor_application(
    issuer, events, bearer, settings
):
    """RFC 9110 §6.5.1: a trailer section is no header section. uvicorn with httptools appends its
    fields to `scope["headers"]`.
    """
    scope = http(lines := bearer(subject="alice"))
    seen = []

    async def validator(token, request):
        scope["headers"].extend(LATE)  # the server reads on while the guard waits
        seen.append(list(request.headers))
        return True

    async def application(inner, receive, send):
        scope["headers"].extend(LATE)
        seen.append(list(inner["headers"]))
        await refused(inner)

    before = list(lines)
    with issuer.guard(validators=[validator], on_event=events.append, **settings) as guard:
        sent = exchange(GuardMiddleware(application, guard), scope)

    assert seen == [before, before]
    assert scope["headers"] == [*before, *LATE, *LATE]
    assert sent[0]["status"] == 403
    assert [event.reason for event in events] == [None, "missing_scope"]


@pytest.mark.parametrize("make", [tuple, list, iter], ids=["tuple", "list", "iterator"])
def test_the_application_gets_the_fields_that_the_guard_decided_on(guard, bearer, make):
    """ASGI 3.0: `headers` is an iterable."""
    seen = []

    async def application(scope, receive, send):
        seen.append(list(scope["headers"]))
        scope["headers"].append((b"x-ours", b"1"))
        await send(start())

    scope = http(bearer())
    scope["headers"] = make(lines := scope["headers"])
    before = list(lines)
    exchange(GuardMiddleware(application, guard), scope)

    assert seen == [before]
    assert lines == before

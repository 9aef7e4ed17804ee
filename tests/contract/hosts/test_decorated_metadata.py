"""A decorated handler shows what tools read: name, docstring, signature, kind and the original."""

from __future__ import annotations

import inspect
from functools import partial

import pytest
from flask import Flask

from tests.contract.hosts import django_project

assert django_project.BASE  # Django must have its settings before its adapter is imported

from iiniit_guard import django, flask, starlette  # noqa: E402
from iiniit_guard.testing import Issuer, flask_client  # noqa: E402

HOSTS = {"flask": flask, "django": django, "starlette": starlette}
DECORATORS = {
    "require_token": lambda host: host.require_token(),
    "require_scope": lambda host: host.require_scope("a", max_age=300),
    "require_any_scope": lambda host: host.require_any_scope("a", "b"),
    "require_actor": lambda host: host.require_actor("billing"),
    "forbid_actor": lambda host: host.forbid_actor(),
    "require_authorization_details": lambda host: host.require_authorization_details("payment"),
    "public": lambda host: host.public,
}
ROWS = [
    (host, name) for host in HOSTS for name in DECORATORS if (host, name) != ("starlette", "public")
]


def handler(request: object, number: int = 1, *, page: str = "") -> bytes:
    """Return the handled number."""
    return b""


async def handler_async(request: object, number: int = 1, *, page: str = "") -> bytes:
    """Return the handled number."""
    return b""


def generator(request: object, number: int = 1, *, page: str = "") -> object:
    """Return the handled number."""
    yield b""


@pytest.mark.parametrize("original", [handler, handler_async], ids=["sync", "async"])
@pytest.mark.parametrize(("host", "name"), ROWS)
def test_a_decorated_handler_shows_the_original(host, name, original):
    decorated = DECORATORS[name](HOSTS[host])(original)

    for attribute in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
        assert getattr(decorated, attribute) == getattr(original, attribute), attribute
    assert inspect.unwrap(decorated) is original
    assert inspect.signature(decorated) == inspect.signature(original)
    assert inspect.iscoroutinefunction(decorated) is inspect.iscoroutinefunction(original)


def test_a_decorated_generator_shows_the_original():
    decorated = starlette.require_scope("a")(generator)

    assert inspect.unwrap(decorated) is generator
    assert (decorated.__name__, decorated.__doc__) == ("generator", "Return the handled number.")
    assert inspect.signature(decorated) == inspect.signature(generator)


@pytest.mark.parametrize(("host", "name"), ROWS)
def test_a_decorator_has_a_docstring_and_a_signature(host, name):
    decorator = getattr(HOSTS[host], name)

    assert decorator.__name__ == name
    assert str(inspect.getdoc(decorator)).split()[0] in ("Return", "Mark")
    assert "self" not in inspect.signature(decorator).parameters


def test_a_partial_keeps_its_own_signature():
    decorated = flask.require_scope("a")(partial(handler, number=2))

    assert inspect.signature(decorated).parameters["number"].default == 2


@pytest.mark.parametrize("decorator", [flask.require_scope("user:read"), flask.public])
def test_an_asynchronous_decorator_above_a_flask_view_can_await_it(decorator):
    def counted(view):
        async def counting(**arguments):
            return {"counted": await view(**arguments)}

        return counting

    async def profile(number):
        return number

    issuer = Issuer()
    app = Flask(__name__)
    flask.IiniitGuard(app, issuer.guard())
    app.add_url_rule("/<int:number>", "profile", counted(decorator(profile)))

    allowed = flask_client(app, issuer.token("user:read")).get("/7")
    assert allowed.json == {"counted": 7}
    if decorator is not flask.public:
        refused = flask_client(app, issuer.token("user:write")).get("/7")
        assert (refused.status_code, refused.get_json()["reason"]) == (403, "missing_scope")

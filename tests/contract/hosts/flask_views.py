"""A guarded Flask application, and the views that several of its tests need."""

from __future__ import annotations

from flask import Flask

from iiniit_guard.flask import IiniitGuard, access_token, require_scope


def make_app(guard):
    app = Flask("profile")
    app.config["PROPAGATE_EXCEPTIONS"] = True
    IiniitGuard(app, guard)
    return app


def lines(pairs):
    return [(name.decode(), value.decode()) for name, value in pairs]


def subject():
    return access_token().subject


@require_scope("user:read")
def view():
    return subject()


@require_scope("user:read")
async def view_async():
    return subject()


def prefixed(prefix):
    return subject()

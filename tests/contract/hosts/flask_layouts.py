"""Flask applications that discard refusals: each has GET /x, which requires `user:read`."""

from __future__ import annotations

import functools
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    after_this_request,
    make_response,
    request,
)
from werkzeug.exceptions import HTTPException

from iiniit_guard.flask import require_scope

RAN = "ran"


@require_scope("user:read")
def view() -> Any:
    return RAN


@require_scope("user:read")
def helper() -> None:
    """Check the scope, for a caller that ignores the result."""


@require_scope("user:read")
async def view_async() -> Any:
    return RAN


def is_good(response: Any) -> bool:
    return bool(response.get_data(as_text=True) == RAN)


def scopes() -> Any:
    """Return the scopes of the token that the extension stored."""
    token = request.environ["iiniit_guard.access_token"]
    return token.scopes if token else ()


def swallowed(error: Any = None) -> Any:
    """Respond with success despite a refusal."""
    return {"subject": None}, 200


def swallowing(function: Any) -> Any:
    """Decorate a view so that every response but a success becomes null, as marshalling does."""

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = make_response(function(*args, **kwargs))
        except Exception:
            return swallowed()
        return answer if is_good(answer) else swallowed()

    return inner


LAYOUTS: dict[str, Any] = {}


def layout(function: Any) -> Any:
    LAYOUTS[function.__name__] = function
    return function


@layout
def alone(app: Flask) -> None:
    app.add_url_rule("/x", view_func=view)


@layout
def handler_of_every_exception(app: Flask) -> None:
    app.register_error_handler(Exception, swallowed)
    alone(app)


@layout
def handler_of_http_exceptions(app: Flask) -> None:
    app.register_error_handler(HTTPException, swallowed)
    alone(app)


@layout
def handlers_of_the_codes(app: Flask) -> None:
    for code in (400, 401, 403, 429, 503):
        app.register_error_handler(code, swallowed)
    alone(app)


@layout
def trapped_and_handled(app: Flask) -> None:
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    app.register_error_handler(HTTPException, swallowed)
    alone(app)


@layout
def trapped_and_propagated(app: Flask) -> None:
    app.config.update(TRAP_HTTP_EXCEPTIONS=True, PROPAGATE_EXCEPTIONS=True)
    alone(app)


@layout
def trapped_and_not_propagated(app: Flask) -> None:
    app.config.update(TRAP_HTTP_EXCEPTIONS=True, PROPAGATE_EXCEPTIONS=False)
    alone(app)


@layout
def under_test(app: Flask) -> None:
    app.testing = True
    alone(app)


@layout
def blueprint_with_handlers(app: Flask) -> None:
    api = Blueprint("api", "api")
    api.register_error_handler(Exception, swallowed)
    api.app_errorhandler(HTTPException)(swallowed)
    api.add_url_rule("/x", view_func=view)
    app.register_blueprint(api)


@layout
def after_request_that_answers_by_itself(app: Flask) -> None:
    app.after_request(
        lambda response: response if is_good(response) else make_response(swallowed())
    )
    alone(app)


@layout
def after_request_that_changes_the_response(app: Flask) -> None:
    @app.after_request
    def change(response: Response) -> Response:
        if not is_good(response):
            response.status_code = 200
            response.headers.update(
                {
                    "WWW-Authenticate": "Basic",
                    "Cache-Control": "public",
                    "Location": "/elsewhere",
                    "ETag": '"x"',
                }
            )
            response.set_data(b"null")
        return response

    alone(app)


@layout
def after_this_request_that_answers_by_itself(app: Flask) -> None:
    @app.before_request
    def before() -> None:
        after_this_request(
            lambda response: response if is_good(response) else make_response(swallowed())
        )

    alone(app)


@layout
def after_request_that_fails(app: Flask) -> None:
    @app.after_request
    def fail(response: Response) -> Response:
        if not is_good(response):
            raise ValueError
        return response

    app.config["PROPAGATE_EXCEPTIONS"] = True
    alone(app)


@layout
def teardown_that_fails(app: Flask) -> None:
    @app.teardown_request
    def fail(error: BaseException | None) -> None:
        if "user:read" not in scopes():
            raise ValueError

    alone(app)


@layout
def decorator_above(app: Flask) -> None:
    app.add_url_rule("/x", view_func=swallowing(view))


class Overriding(Flask):
    """An application whose own methods replace error responses."""

    def full_dispatch_request(self, *args: Any) -> Response:
        response = super().full_dispatch_request(*args)
        return response if is_good(response) else make_response(swallowed())

    def handle_user_exception(self, *args: Any) -> Any:
        return swallowed()


@layout
def overridden_methods(app: Flask) -> None:
    app.__class__ = Overriding
    alone(app)

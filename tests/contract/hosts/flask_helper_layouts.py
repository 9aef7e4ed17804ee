"""Flask applications whose views discard the refusal of a helper or class: `flask_layouts`."""

from __future__ import annotations

import contextlib
from typing import Any

from flask import (
    Flask,
    Response,
    current_app,
    render_template_string,
    request,
    send_file,
    stream_with_context,
)
from flask.views import MethodView, View
from werkzeug.exceptions import HTTPException

from iiniit_guard.flask import require_scope
from tests.contract.hosts.flask_layouts import (
    RAN,
    helper,
    is_good,
    scopes,
    swallowed,
    swallowing,
    view,
    view_async,
)

LAYOUTS: dict[str, Any] = {}


def layout(function: Any) -> Any:
    LAYOUTS[function.__name__] = function
    return function


@layout
def ignored_helper(app: Flask) -> None:
    @app.get("/x")
    def outer() -> str:
        helper()
        return RAN


@layout
def helper_in_try(app: Flask) -> None:
    @app.get("/x")
    def outer() -> str:
        with contextlib.suppress(Exception):
            helper()
        return RAN


@layout
def helper_in_try_of_everything(app: Flask) -> None:
    @app.get("/x")
    def outer() -> str:
        try:
            helper()
        except BaseException:
            return RAN
        return RAN


@layout
def helper_in_finally_that_returns(app: Flask) -> None:
    @app.get("/x")
    def outer() -> Any:
        answer = Response(RAN)
        try:
            helper()
        except HTTPException:
            answer.set_cookie("who", "nobody")
        return answer


@layout
def helper_and_then_an_error(app: Flask) -> None:
    @app.get("/x")
    def outer() -> str:
        try:
            helper()
        except Exception:
            raise KeyError from None
        return RAN

    app.register_error_handler(KeyError, swallowed)


@layout
def helper_before_the_request(app: Flask) -> None:
    @app.before_request
    def before() -> Any:
        try:
            helper()
        except Exception:
            return swallowed()
        return None

    app.add_url_rule("/x", "x", lambda: RAN)


@layout
def helper_after_the_request(app: Flask) -> None:
    @app.after_request
    def after(response: Response) -> Response:
        with contextlib.suppress(Exception):
            helper()
        return response

    app.add_url_rule("/x", "x", lambda: RAN)


@layout
def helper_in_a_template(app: Flask) -> None:
    app.add_url_rule(
        "/x", "x", lambda: render_template_string("{{ helper() or 'ran' }}", helper=helper)
    )
    app.register_error_handler(Exception, swallowed)


@layout
def helper_before_a_file(app: Flask) -> None:
    @app.get("/x")
    def outer() -> Any:
        try:
            helper()
        except Exception:
            return send_file(__file__)
        return RAN


@layout
def stream_that_asks_first(app: Flask) -> None:
    @app.get("/x")
    def outer() -> Any:
        def stream() -> Any:
            yield ""
            helper()
            yield RAN

        return Response(stream_with_context(stream()))


@layout
def stream_that_asks_first_and_ignores(app: Flask) -> None:
    @app.get("/x")
    def outer() -> Any:
        def stream() -> Any:
            with contextlib.suppress(Exception):
                helper()
            yield RAN

        return Response(stream_with_context(stream()))


@layout
def stream_that_asks_and_is_empty(app: Flask) -> None:
    @app.get("/x")
    def outer() -> Any:
        def stream() -> Any:
            yield ""
            helper()

        return RAN if "user:read" in scopes() else Response(stream_with_context(stream()))


@layout
def asynchronous(app: Flask) -> None:
    app.add_url_rule("/x", view_func=view_async)
    app.register_error_handler(Exception, swallowed)


@layout
def asynchronous_that_ignores(app: Flask) -> None:
    @app.get("/x")
    async def outer() -> str:
        with contextlib.suppress(Exception):
            helper()
        return RAN


@layout
def method_of_a_class(app: Flask) -> None:
    class Methods(MethodView):
        decorators = [swallowing]

        @require_scope("user:read")
        def get(self) -> str:
            return RAN

    app.add_url_rule("/x", view_func=Methods.as_view("x"))


@layout
def decorators_of_a_class(app: Flask) -> None:
    class Listed(View):
        decorators = [require_scope("user:read"), swallowing]

        def dispatch_request(self) -> str:
            return RAN

    app.add_url_rule("/x", view_func=Listed.as_view("x"))


@layout
def decorated_class(app: Flask) -> None:
    @require_scope("user:read")
    class Whole(View):
        def dispatch_request(self) -> str:
            return RAN

    app.add_url_rule("/x", view_func=swallowing(Whole.as_view("x")))


@layout
def wsgi_application_as_answer(app: Flask) -> None:
    inner = Flask("inner")
    inner.add_url_rule("/x", view_func=view)
    inner.register_error_handler(Exception, swallowed)
    app.add_url_rule("/x", "x", lambda: inner.wsgi_app)


@layout
def another_applications_answer_is_ignored(app: Flask) -> None:
    inner = Flask("inner")
    inner.add_url_rule("/x", view_func=view)

    @app.get("/x")
    def outer() -> Any:
        answer = app.response_class.from_app(inner.wsgi_app, request.environ)
        return answer if is_good(answer) else swallowed()


@layout
def restored_context(app: Flask) -> None:
    @app.get("/x")
    def outer() -> str:
        with (
            current_app.test_request_context("/x", environ_overrides=request.environ),
            contextlib.suppress(Exception),
        ):
            helper()
        return RAN

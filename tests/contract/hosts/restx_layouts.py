"""Flask-RESTX applications that discard refusals: each has GET /x, for `user:read`."""

from __future__ import annotations

import contextlib
from typing import Any

from flask import Blueprint, Flask
from flask_restx import Api, Namespace, Resource, fields, marshal_with, marshal_with_field
from werkzeug.exceptions import HTTPException

from iiniit_guard.flask import require_scope
from tests.contract.hosts.flask_layouts import helper

SHAPE = {"subject": fields.String}
GOOD = {"subject": "ran"}
LAYOUTS: dict[str, Any] = {}


def layout(function: Any) -> Any:
    LAYOUTS[function.__name__] = function
    return function


def swallowed(error: Any) -> Any:
    """Respond with success despite a refusal."""
    return {"subject": None}, 200


class Marshalled(Resource):
    @marshal_with(SHAPE)
    @require_scope("user:read")
    def get(self) -> Any:
        return GOOD


class Plain(Resource):
    def get(self) -> Any:
        return GOOD


@layout
def marshalled(app: Flask) -> None:
    Api(app).add_resource(Marshalled, "/x")


@layout
def marshalled_field(app: Flask) -> None:
    class Field(Resource):
        @marshal_with_field(fields.Raw(default=None))
        @require_scope("user:read")
        def get(self) -> Any:
            return GOOD

    Api(app).add_resource(Field, "/x")


@layout
def marshalled_by_the_api(app: Flask) -> None:
    api = Api(app)

    @api.route("/x")
    class Listed(Resource):
        @api.marshal_with(api.model("Shape", SHAPE), skip_none=True)
        @require_scope("user:read")
        def get(self) -> Any:
            return GOOD


@layout
def handlers_of_the_api(app: Flask) -> None:
    api = Api(app)
    api.errorhandler(HTTPException)(swallowed)
    api.errorhandler(Exception)(swallowed)
    api.errorhandler(swallowed)
    api.add_resource(Marshalled, "/x")


@layout
def handlers_of_the_application(app: Flask) -> None:
    app.register_error_handler(Exception, swallowed)
    Api(app, catch_all_404s=True).add_resource(Marshalled, "/x")


@layout
def trapped(app: Flask) -> None:
    app.config.update(TRAP_HTTP_EXCEPTIONS=True, PROPAGATE_EXCEPTIONS=True)
    Api(app).add_resource(Marshalled, "/x")


@layout
def method_decorators(app: Flask) -> None:
    class Decorated(Plain):
        method_decorators = [require_scope("user:read"), marshal_with(SHAPE)]

    Api(app).add_resource(Decorated, "/x")


@layout
def decorators_of_the_api(app: Flask) -> None:
    Api(app, decorators=[require_scope("user:read")]).add_resource(Plain, "/x")


@layout
def namespace(app: Flask) -> None:
    space = Namespace("space", path="/", decorators=[require_scope("user:read")])
    space.errorhandler(HTTPException)(swallowed)
    space.route("/x")(Plain)
    Api(app).add_namespace(space)


@layout
def decorated_resource(app: Flask) -> None:
    api = Api(app)

    @api.route("/x")
    @require_scope("user:read")
    class Whole(Plain):
        method_decorators = [marshal_with(SHAPE)]


@layout
def blueprint(app: Flask) -> None:
    api = Blueprint("api", "api")
    api.register_error_handler(Exception, swallowed)
    Api(api).add_resource(Marshalled, "/x")
    app.register_blueprint(api)


@layout
def ignored_helper(app: Flask) -> None:
    class Ignoring(Resource):
        @marshal_with(SHAPE)
        def get(self) -> Any:
            with contextlib.suppress(Exception):
                helper()
            return GOOD

    Api(app).add_resource(Ignoring, "/x")

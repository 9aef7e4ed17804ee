"""A Flask application with one unguarded route, `GET /orders/<int:number>`."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask.views import MethodView

from iiniit_guard.flask import IiniitGuard, public, require_any_scope, require_scope
from iiniit_guard.testing import Issuer

guard = Issuer().guard()
orders = Blueprint("orders", __name__, url_prefix="/orders")


@orders.get("/")
@require_scope("orders:read", max_age=300)
def index():
    return {}


@orders.get("/<int:number>")
def planted(number):
    return {"number": number}


class Profile(MethodView):
    @require_any_scope("profile:read", "profile:admin")
    def get(self):
        return {}

    def post(self):
        return {}


@public
def health():
    return {}


def create_app(**settings):
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(orders)
    app.add_url_rule("/profile", view_func=Profile.as_view("profile"))
    app.add_url_rule("/health", view_func=health)
    IiniitGuard(app, guard, **settings)
    return app


app = create_app(enforce="declared")
whole = create_app(public=["/health"])

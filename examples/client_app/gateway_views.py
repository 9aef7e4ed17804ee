"""The page about the gateway, and the actions of its buttons."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from examples.client_app.diagram import draw
from examples.client_app.gateway_calls import pass_through
from examples.client_app.gateway_flow import CHART
from examples.client_app.oauth import FlowError, OAuthClient
from examples.client_app.settings import Settings
from examples.client_app.visit import Answer, Passage, Visits
from examples.csrf import check_csrf, csrf_token


def create_gateway_views(settings: Settings, oauth: OAuthClient, visits: Visits) -> Blueprint:
    """Build the views."""
    views = Blueprint("gateway", __name__)

    @views.get("/gateway")
    def page() -> ResponseReturnValue:
        visit = visits.find(session.get("visit"))
        passage = visit.passage if visit else None
        steps = passage.steps if passage else {}
        fresh = set(steps) if visit and visit.passage_is_fresh else set()
        if visit:
            visit.passage_is_fresh = False
        return render_template(
            "gateway.html",
            settings=settings,
            held=visit.held if visit else None,
            answer=passage.answer if passage else None,
            drawings=[draw(steps, fresh, narrow=narrow, chart=CHART) for narrow in (False, True)],
            steps=[(step, steps.get(step.number)) for step in CHART.steps],
            csrf=csrf_token("button"),
        )

    @views.post("/gateway/<what>")
    def press(what: str) -> ResponseReturnValue:
        check_csrf("button")
        visit = visits.find(session.get("visit"))
        if what not in ("read", "narrow", "nothing", "forged"):
            abort(404)
        if visit is None or visit.held is None or settings.gateway.obstacle:
            return redirect(url_for(".page"), 303)
        held, change = None if what == "nothing" else visit.held, None
        try:
            if what == "narrow":
                held, _ = oauth.refresh(visit, scope="user:read")
                change = {"bio": "This must not be saved."}
            visit.passage = pass_through(
                settings, oauth, held, change=change, forged=what == "forged"
            )
            visit.passage_is_fresh = True
        except FlowError as error:
            visit.passage = Passage({}, Answer("wait", "", str(error)))
        return redirect(url_for(".page", _anchor="flow"), 303)

    return views

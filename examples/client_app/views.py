"""The page of the client and the actions of its buttons."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from examples.client_app.checks import decided
from examples.client_app.countdown import countdown
from examples.client_app.diagram import STEPS, draw
from examples.client_app.exchange import Exchange, lay_out
from examples.client_app.explain import explain
from examples.client_app.oauth import FlowError, OAuthClient, jwt_contents
from examples.client_app.settings import Settings
from examples.client_app.visit import Answer, Held, Visit, Visits
from examples.csrf import check_csrf, csrf_token
from examples.redaction import redact_form, redact_url, shorten

DENIED = (
    "You said no, or allowed nothing. The client learns that, and nothing else: it has no "
    "token and cannot call the API."
)


def create_views(settings: Settings, oauth: OAuthClient, visits: Visits) -> Blueprint:
    """Build the views."""
    views = Blueprint("views", __name__)

    def button(
        path: str, shows: str = "flow"
    ) -> Callable[[Callable[[Visit], None]], Callable[[], ResponseReturnValue]]:
        """Return a decorator that registers the action of a button.

        The view checks the CSRF token, runs the action, and redirects to the part of the page that
        shows the result: `flow` (the diagram, with the answer below) or `answer`.
        """

        def decorate(press: Callable[[Visit], None]) -> Callable[[], ResponseReturnValue]:
            @views.post(path)
            @wraps(press)
            def view() -> ResponseReturnValue:
                check_csrf("button")
                visit = visits.find(session.get("visit"))
                if visit is None or visit.held is None:
                    return redirect(url_for(".page"), 303)
                try:
                    press(visit)
                except FlowError as error:
                    visit.answer = Answer("wait", "", str(error))
                return redirect(url_for(".page", _anchor=shows), 303)

            return view

        return decorate

    def call(visit: Visit, held: Held, what: str, change: dict[str, str] | None = None) -> None:
        """Run steps 6 and 7 with one token."""
        api, since = settings.api(visit.api), time.time()
        response, exchange = oauth.call_api(api, held, change)
        granted = response is not None and response.status_code == 200
        asked = oauth.witnessed(visit, held.access_token, since)
        visit.record(6, "done", exchange)
        note = (
            "It asked the authorization server:"
            if asked
            else f"It asked nobody: {_why_nobody(held, api.jwt)}"
        )
        event = oauth.decision(api, held, since)
        visit.record(
            7,
            "done" if granted else "refused",
            *asked,
            Exchange("", exchange.response),
            note=note,
            decided=decided(event, asks=held.kind != "jwt" or api.jwt != "verify")
            if event
            else None,
        )
        visit.used = held
        visit.answer = explain(settings, api, held, response, changed=change is not None)
        if response is not None and granted:
            visit.bio = response.json().get("bio", "")
        visit.log(f"{what} ({api.name})", visit.answer.status or "no answer", visit.answer.title)

    @views.get("/")
    def page() -> ResponseReturnValue:
        visit = visits.find(session.get("visit"))
        steps, fresh = (visit.steps, set(visit.fresh_steps)) if visit else ({}, set())
        if visit:
            visit.fresh_steps.clear()
        held = visit.held if visit else None
        shown = (visit.used if visit else None) or held
        return render_template(
            "page.html",
            settings=settings,
            visit=visit,
            held=held,
            shown=shown,
            api=settings.api(visit.api if visit else None),
            drawings=[draw(steps, fresh, narrow=narrow) for narrow in (False, True)],
            steps=[(step, steps.get(step.number)) for step in STEPS],
            csrf=csrf_token("button"),
            now=time.time(),
            clock=lambda moment: time.strftime("%H:%M:%S", time.localtime(moment)),
            shorten=shorten,
            countdown=countdown,
            contents=jwt_contents(shown.access_token) if shown and shown.kind == "jwt" else "",
        )

    @views.post("/connect")
    def connect() -> ResponseReturnValue:
        check_csrf("button")
        kind = request.form.get("token_kind", settings.token_kind)
        if kind not in settings.registrations:
            abort(400, "There is no such kind of token.")
        visit = Visit(kind, settings.api(request.form.get("api")).name)
        try:
            location = oauth.authorization_url(visit)
        except FlowError as error:
            abort(503, str(error))
        visits.remove(session.get("visit"))
        session["visit"] = visits.add(visit)
        form = redact_form("&".join(f"{name}={value}" for name, value in request.form.items()))
        visit.record(
            1,
            "done",
            Exchange(
                f"POST {request.url}\n\n{form}",
                lay_out("303 See Other", [("Location", location)], ""),
            ),
        )
        return redirect(location, 303)

    @views.get("/callback")
    def callback() -> ResponseReturnValue:
        visit = visits.find(session.get("visit"))
        if visit is None:
            abort(400, "This browser has not asked for anything. Start again.")
        about = visit.state
        values = request.args.to_dict()
        try:
            oauth.check_return(visit, values)
            came = Exchange(
                f"GET {redact_url(request.url)}",
                lay_out("303 See Other", [("Location", url_for(".page"))], ""),
            )
            approval = oauth.witnessed(visit, about, 0)
            if "code" not in values:
                visit.record(2, "refused", *approval)
                visit.record(3, "refused", came)
                visit.answer = Answer(
                    "refused",
                    "",
                    "The request was denied",
                    (DENIED,),
                    (("error", values.get("error", "")),),
                )
                return redirect(url_for(".page"), 303)
            visit.record(2, "done", *approval)
            visit.record(3, "done", came)
            response, exchange = oauth.exchange_code(visit, values["code"])
            visit.record(4, "done", exchange)
            if response.status_code != 200:
                visit.record(5, "refused", exchange)
                abort(
                    400, f"The authorization server gave no token: {response.json().get('error')}."
                )
            visit.record(5, "done", exchange)
            visit.held = oauth.keep_tokens(visit, response)
            visit.used = visit.answer = None
        except FlowError as error:
            abort(400, str(error))
        return redirect(url_for(".page"), 303)

    @button("/read")
    def read(visit: Visit) -> None:
        call(visit, _held(visit), "Read the profile")

    @button("/change")
    def change(visit: Visit) -> None:
        call(visit, _held(visit), "Change the profile", {"bio": request.form.get("bio", "")[:200]})

    @button("/narrow")
    def narrow(visit: Visit) -> None:
        narrowed, exchange = oauth.refresh(visit, scope="user:read")
        visit.record(4, "done", exchange)
        visit.record(
            5,
            "done",
            exchange,
            note="Asked for scope user:read only, so this token allows less than you granted.",
        )
        call(visit, narrowed, "Change it without user:write", {"bio": "This must not be saved."})

    @button("/short")
    def short(visit: Visit) -> None:
        visit.short, exchange = oauth.refresh(visit, expires_in=settings.short_life_seconds)
        visit.record(4, "done", exchange)
        visit.record(
            5,
            "done",
            exchange,
            note=(
                "Asked for a short life, with expires_in: an extension of this demo's "
                "authorization server."
            ),
        )
        call(visit, visit.short, "Read with the short-lived token")

    @button("/short-again")
    def short_again(visit: Visit) -> None:
        if visit.short is not None:
            call(visit, visit.short, "Read with the short-lived token")

    @button("/revoke", shows="answer")
    def revoke(visit: Visit) -> None:
        held = _held(visit)
        oauth.revoke(visit, held.access_token, "access_token")
        held.revoked_at = held.revoked_at or time.time()
        visit.used = held
        words = (
            (
                "The authorization server has taken it back (RFC 7009). Now read the profile again "
                "and see what the API says."
            ),
        )
        visit.answer = Answer("wait", "", "The access token is revoked", words)
        visit.log("Revoke the access token", "", "")

    @button("/refresh")
    def refresh(visit: Visit) -> None:
        visit.held, exchange = oauth.refresh(visit)
        visit.used = None
        visit.record(4, "done", exchange)
        visit.record(5, "done", exchange)
        visit.forget_steps_from(6)
        words = (
            "The refresh token was traded for it, and replaced. No API has seen this token yet.",
        )
        visit.answer = Answer("done", "", "A new access token", words)
        visit.log("Get a new access token", "", "")

    @button("/api")
    def choose_api(visit: Visit) -> None:
        visit.api = settings.api(request.form.get("api")).name
        visit.forget_steps_from(6)
        visit.answer = None

    @button("/disconnect")
    def disconnect(visit: Visit) -> None:
        visits.remove(session.pop("visit", None))
        oauth.revoke(visit, visit.refresh_token, "refresh_token")

    @views.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "ok"}

    return views


def _held(visit: Visit) -> Held:
    if visit.held is None:
        abort(400, "There is no token to do this with.")
    return visit.held


def _why_nobody(held: Held, jwt: str) -> str:
    if held.kind == "jwt" and jwt == "verify":
        return (
            "a JWT carries its own proof, checked with the keys that the authorization "
            "server publishes."
        )
    return (
        "the answer that it got before still counts, or the authorization server cannot be reached."
    )

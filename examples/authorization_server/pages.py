"""The two pages for users: sign-in and consent."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash, generate_password_hash

from examples.authorization_server.records import User
from examples.authorization_server.settings import SCOPES
from examples.authorization_server.store import Store
from examples.csrf import check_csrf, csrf_token


class Attempts:
    """Rate limit against password guessing: at most `limit` failures for one name in `seconds`."""

    def __init__(self, limit: int = 5, seconds: float = 60) -> None:
        self._limit, self._seconds = limit, seconds
        self._lock = threading.Lock()
        self._failures: dict[str, deque[float]] = {}

    def exhausted(self, name: str) -> bool:
        """Return whether the limit of this name is reached."""
        with self._lock:
            failures = self._failures.get(name, deque())
            while failures and failures[0] < time.monotonic() - self._seconds:
                failures.popleft()
            return len(failures) >= self._limit

    def failed(self, name: str) -> None:
        """Count a failure. At 10,000 names all counts are reset, so that memory stays bounded."""
        with self._lock:
            if len(self._failures) >= 10_000:
                self._failures.clear()
            self._failures.setdefault(name, deque(maxlen=self._limit)).append(time.monotonic())


def _next_url() -> str:
    """Return the target after sign-in: an authorization request to this server, no other site."""
    target = request.values.get("next", "")
    return target if target.startswith(url_for(".authorize") + "?") else url_for(".home")


def _date(moment: float) -> str:
    return time.strftime("%d %B, %H:%M", time.localtime(moment))


def create_pages(server: AuthorizationServer, store: Store) -> Blueprint:
    """Build the pages."""
    pages = Blueprint("pages", __name__)
    attempts = Attempts()
    # Check unknown names against this hash, so that the response time does not disclose which names
    # exist.
    nobody = generate_password_hash(secrets.token_urlsafe())

    def signed_in() -> User | None:
        return store.user(session["user_id"]) if "user_id" in session else None

    @pages.get("/")
    def home() -> ResponseReturnValue:
        user = signed_in()
        grants = (
            [(grant, store.client(grant.client_id)) for grant in store.grants(user.user_id)]
            if user
            else []
        )
        scopes = {name: title for name, (title, _) in SCOPES.items()}
        return render_template(
            "home.html",
            user=user,
            grants=grants,
            scopes=scopes,
            csrf=csrf_token("home"),
            date=_date,
        )

    @pages.post("/take-back")
    def take_back() -> ResponseReturnValue:
        check_csrf("home")
        user, grant_id = signed_in(), request.form.get("grant")
        # A user must not revoke the grants of another user.
        if user and grant_id in {grant.grant_id for grant in store.grants(user.user_id)}:
            store.revoke_grant(grant_id)
        return redirect(url_for(".home"), 303)

    @pages.route("/sign-in", methods=["GET", "POST"])
    def sign_in() -> ResponseReturnValue:
        fault, username = None, ""
        if request.method == "POST":
            check_csrf("sign-in")
            username = request.form.get("username", "")[:100]
            user = store.user_by_name(username)
            if attempts.exhausted(username):
                fault = "Too many attempts for this name. Wait a minute, then try again."
            elif (
                check_password_hash(
                    user.password_hash if user else nobody, request.form.get("password", "")
                )
                and user is not None
            ):
                target = _next_url()
                session.clear()  # prevent session fixation
                session["user_id"] = user.user_id
                return redirect(target, 303)
            else:
                attempts.failed(username)
                fault = "The user name and the password do not fit together."
        page = render_template(
            "sign_in.html",
            csrf=csrf_token("sign-in"),
            next=_next_url(),
            fault=fault,
            username=username,
        )
        return page, 400 if fault else 200

    @pages.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        check_csrf("home")
        session.clear()
        return redirect(url_for(".home"), 303)

    @pages.route("/authorize", methods=["GET", "POST"])
    def authorize() -> ResponseReturnValue:
        user = signed_in()
        try:
            grant = server.get_consent_grant(end_user=user)
        except OAuth2Error as error:
            if error.redirect_uri is None:
                # The client or the redirect URI is unknown. A redirect would send the user to an
                # address that an attacker may have chosen (RFC 6749 §4.1.2.1).
                abort(400, error.description or "This authorization request is not valid.")
            # Authlib has no types
            return server.handle_error_response(None, error)  # type: ignore[no-any-return]
        except ValueError:
            # Authlib quotes the request in its message, and raises ValueError if the message
            # contains a quotation mark.
            abort(400, "This authorization request is not valid.")
        if user is None:
            return redirect(url_for(".sign_in", next=request.full_path), 303)
        purpose = "consent " + request.query_string.decode("latin-1")
        asked = grant.request.scope.split(" ")
        if request.method == "GET":
            origin = urlsplit(grant.redirect_uri)
            g.form_targets = f"{origin.scheme}://{origin.netloc}"
            scopes = [(name, *SCOPES[name]) for name in asked]
            return render_template(
                "consent.html",
                client=grant.client,
                user=user,
                scopes=scopes,
                csrf=csrf_token(purpose),
                origin=g.form_targets,
            )
        check_csrf(purpose)
        g.granted_scopes = frozenset(request.form.getlist("granted")) & frozenset(asked)
        allowed = request.form.get("decision") == "allow" and g.granted_scopes
        # Authlib has no types
        return server.create_authorization_response(  # type: ignore[no-any-return]
            grant_user=user if allowed else None, grant=grant
        )

    return pages

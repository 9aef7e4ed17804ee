"""What this server heard about a client's own flow, for the demo's diagram: the steps that a client cannot see itself.

Off by default. A client that authenticates itself gets the last approval and the last introspections that concern its tokens, with every
secret shortened. A production server has no such endpoint.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from flask import Flask, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from examples.authorization_server.records import digest
from examples.redaction import redact_form, redact_header, redact_json, redact_url


class Witness:
    """Remembers a few exchanges, each under the digest of the `state` or token that it was about."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[tuple[str, dict[str, Any]]] = deque(maxlen=200)

    def join(self, app: Flask, server: AuthorizationServer) -> None:
        """Watch an application's approvals and introspections, and answer `/demo/seen`."""
        app.before_request(_note_arrival)
        app.after_request(self._watch)

        @app.post("/demo/seen")
        def seen() -> ResponseReturnValue:
            """Give what was seen about one `state` or token, which only its client knows whole."""
            try:
                server.authenticate_client(server.create_oauth2_request(None), ["client_secret_basic"])
            except OAuth2Error:
                return jsonify(error="invalid_client"), 401
            about = digest(request.form.get("about", ""))
            with self._lock:
                return jsonify([exchange for key, exchange in self._seen if key == about])

    def _watch(self, response: Response) -> Response:
        about = ""
        if request.method == "POST" and request.path == "/authorize":
            about = request.args.get("state", "")
        elif request.path == "/introspect":
            about = request.form.get("token", "")
        if about:
            with self._lock:
                self._seen.append((digest(about), _exchange(response)))
        return response


def _note_arrival() -> None:
    g.arrived = time.time()


def _exchange(response: Response) -> dict[str, Any]:
    text = response.get_data(as_text=True)
    is_json = response.mimetype == "application/json"
    headers = {name: redact_header(name, request.headers[name]) for name in ("Authorization", "Content-Type") if name in request.headers}
    return {
        "time": g.arrived,
        "method": request.method,
        "url": redact_url(request.url),
        "request_headers": headers,
        "request_body": redact_form(_form_text()),
        "status": response.status_code,
        "response_headers": {
            name: redact_header(name, response.headers[name]) for name in ("Location", "Content-Type") if name in response.headers
        },
        "response_body": json.dumps(redact_json(json.loads(text)), indent=2) if is_json else "",
    }


def _form_text() -> str:
    # The body itself is gone once Flask has parsed the form.
    return urlencode([(name, value) for name, values in request.form.lists() for value in values])

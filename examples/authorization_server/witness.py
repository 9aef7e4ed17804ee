"""Record the steps of a flow that the client cannot observe, for the diagram of the demo.

The feature is off by default. An authenticated client gets the last approval and the last
introspections of its tokens, with every secret shortened. A production server must not have such an
endpoint.
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
    """A cache of a few exchanges, by the digest of the `state` or token in them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: deque[tuple[str, dict[str, Any]]] = deque(maxlen=200)

    def join(self, app: Flask, server: AuthorizationServer) -> None:
        """Record the approvals and introspections of an application, and serve `/demo/seen`."""
        app.before_request(_note_arrival)
        app.after_request(self._watch)

        @app.post("/demo/seen")
        def seen() -> ResponseReturnValue:
            """Return the exchanges of one `state` or token, which only its client knows in full."""
            try:
                server.authenticate_client(
                    server.create_oauth2_request(None), ["client_secret_basic"]
                )
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
    headers = {
        name: redact_header(name, request.headers[name])
        for name in ("Authorization", "Content-Type")
        if name in request.headers
    }
    return {
        "time": g.arrived,
        "method": request.method,
        "url": redact_url(request.url),
        "request_headers": headers,
        "request_body": redact_form(_form_text()),
        "status": response.status_code,
        "response_headers": {
            name: redact_header(name, response.headers[name])
            for name in ("Location", "Content-Type")
            if name in response.headers
        },
        "response_body": json.dumps(redact_json(json.loads(text)), indent=2) if is_json else "",
    }


def _form_text() -> str:
    # The raw body is not available after Flask has parsed the form.
    return urlencode([(name, value) for name, values in request.form.lists() for value in values])

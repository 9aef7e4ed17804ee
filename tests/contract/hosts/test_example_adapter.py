"""The example adapter of docs/how-to/write-an-adapter.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import Conflict
from werkzeug.routing import Map, Rule
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

from examples import werkzeug_adapter
from examples.werkzeug_adapter import GuardedSite
from iiniit_guard import Policy
from iiniit_guard.testing import Issuer

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "write-an-adapter.md"


class Api:
    """The example adapter over three views, with the names of the views that ran."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.ran: list[str] = []
        routes = Map(
            [
                Rule("/reports/<int:number>", endpoint="report", methods=["GET"]),
                Rule("/reports/<int:number>", endpoint="change", methods=["PUT"]),
                Rule("/conflict", endpoint="conflict"),
            ]
        )
        views: dict[str, Any] = {
            "report": self.report,
            "change": self.report,
            "conflict": self.conflict,
        }
        policies = {
            "report": Policy(scopes=("user:read",)),
            "change": Policy(scopes=("user:write",)),
        }
        self.client = Client(GuardedSite(self.issuer.guard(), routes, views, policies))

    def report(self, request, token, number) -> Response:
        self.ran.append(f"{request.method} {number}")
        return Response(token.subject)

    def conflict(self, request, token) -> Response:
        raise Conflict

    def call(self, path="/reports/7", method="GET", token=None) -> TestResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.client.open(path, method=method, headers=headers)


@pytest.fixture
def api() -> Api:
    return Api()


def test_the_page_shows_the_file_that_is_run():
    text = Path(werkzeug_adapter.__file__).read_text(encoding="utf-8")

    assert f"```python\n{text}```\n" in PAGE.read_text(encoding="utf-8")


def test_a_valid_token_with_the_scope_reaches_the_view(api):
    answer = api.call(token=api.issuer.token("user:read"))

    assert (answer.status_code, answer.text) == (200, "user-1")
    assert api.ran == ["GET 7"]


@pytest.mark.parametrize("path", ["/reports/7", "/conflict", "/no/such/path", "/reports/x"])
def test_without_a_token_every_path_is_401(api, path):
    answer = api.call(path)

    assert (answer.status_code, answer.json["reason"]) == (401, "no_token")
    scope = ', scope="user:read"' if path == "/reports/7" else ""  # the policy of the view
    challenges = answer.headers["WWW-Authenticate"]
    assert challenges.startswith(f'Bearer realm="https://api.test"{scope}, DPoP realm=')
    assert api.ran == []


def test_a_token_without_the_scope_is_403(api):
    answer = api.call(method="PUT", token=api.issuer.token("user:read"))

    assert (answer.status_code, answer.json["reason"]) == (403, "missing_scope")
    assert 'scope="user:write"' in answer.headers["WWW-Authenticate"]
    assert api.ran == []


def test_an_outage_is_503(api):
    api.issuer.fail("connection")
    answer = api.call(token=api.issuer.token("user:read"))

    assert (answer.status_code, answer.json["reason"]) == (503, "issuer_unavailable")
    assert answer.headers["Retry-After"]
    assert api.ran == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/no/such/path", 404), ("DELETE", "/reports/7", 405), ("GET", "/conflict", 409)],
)
def test_errors_of_the_application_are_for_callers_with_a_token(api, method, path, status):
    assert api.call(path, method, token=api.issuer.token("user:read")).status_code == status


def test_the_body_of_a_refused_head_is_empty_and_its_length_is_that_of_a_get(api):
    get, head = api.call(), api.call(method="HEAD")

    assert (head.status_code, head.data) == (401, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_a_policy_without_a_view_is_an_error():
    with pytest.raises(ValueError, match="no view is named reprot"):
        GuardedSite(Issuer().guard(), Map(), {}, {"reprot": Policy()})

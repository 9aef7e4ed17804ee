"""What a failure of a status list tells the log, and the limits of its age."""

from __future__ import annotations

from typing import Any

import pytest

from iiniit_guard.core.model.flow import HttpResponse
from tests.unit.core.status_lists import LIST, NOW, fetch_of, make, outcome


@pytest.mark.parametrize("status", [200, 404, 503])
def test_a_failure_names_the_list_and_the_status_of_the_response(status):
    issuer, guard = make()
    issuer.fail(HttpResponse(status, (), b""), at=LIST)
    uri = issuer.status_list.uri
    failed: Any = fetch_of(guard, uri)
    assert failed.cause == "answer"
    assert (failed.diagnosis.url, failed.diagnosis.status) == (uri, status)
    assert failed.diagnosis.topic == "status_list"


@pytest.mark.parametrize(("seconds", "expected"), [(30, "accepted"), (31, "issuer_unavailable")])
def test_a_list_may_be_older_than_the_last_one_by_the_leeway(seconds, expected):
    """Two servers of the issuer have two clocks."""
    issuer, guard = make()
    token = issuer.listed_token(expires_in=9000)
    issuer.status_list.claims["iat"] = NOW
    assert outcome(guard, token) == "accepted"
    issuer.status_list.claims["iat"] = NOW - seconds
    issuer.clock.advance(60)
    assert outcome(guard, token) == expected


@pytest.mark.parametrize(
    ("claims", "received"),
    [
        ({"sub": "https://other.test/1"}, "https://other.test/1"),
        ({"iss": "https://x"}, "https://x"),
    ],
)
def test_a_failure_names_the_claim_that_differs(claims, received):
    issuer, guard = make()
    issuer.status_list.claims.update(claims)
    failed: Any = fetch_of(guard, issuer.status_list.uri)
    assert received in failed.diagnosis.received
    assert failed.diagnosis.expected in (issuer.status_list.uri, issuer.issuer)

"""One event per decision: its fields, and data that it never contains."""

from __future__ import annotations

from hashlib import sha256

import pytest

from iiniit_guard.core.http.event import Event, event_of
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow, Deny, Unavailable
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from tests.unit.core.stepping import ISSUER, NOW, bearer

TOKEN = AccessToken(ISSUER, subject="subject-1", client_id="client-1", claims={"email": "canary"})


def event(decision, request=None, *, subjects=True):
    return event_of(
        decision, request or bearer("abc"), "wsgi", now=NOW, seconds=0.5, subjects=subjects
    )


def test_a_token_that_passes():
    assert event(Allow(TOKEN, None, "hit")) == Event(
        time=NOW,
        host="wsgi",
        method="GET",
        decision="allow",
        status=None,
        reason=None,
        cache="hit",
        seconds=0.5,
        issuer=ISSUER,
        client_id="client-1",
        subject="subject-1",
        token_digest=sha256(b"abc").hexdigest()[:16],
    )


def test_a_refusal():
    refused = event(
        Deny(403, (), b"", Reason.MISSING_SCOPE, TOKEN, "hit"), bearer("abc", method="POST")
    )
    assert (refused.decision, refused.status, refused.reason, refused.cache) == (
        "deny",
        403,
        "missing_scope",
        "hit",
    )
    assert (refused.issuer, refused.client_id, refused.subject, refused.method) == (
        ISSUER,
        "client-1",
        "subject-1",
        "POST",
    )


def test_an_outage():
    outage = event(Unavailable(503, (), b"", Reason.ISSUER_UNAVAILABLE, cache="miss"))
    assert (outage.decision, outage.status, outage.reason, outage.cache) == (
        "unavailable",
        503,
        "issuer_unavailable",
        "miss",
    )
    assert (outage.issuer, outage.client_id, outage.subject) == (None, None, None)


def test_a_principal_has_a_subject_and_no_issuer():
    allowed = event(Allow(None, Principal("ApiKey", "machine")), bearer(authorization="ApiKey k"))
    assert (allowed.subject, allowed.issuer, allowed.client_id, allowed.token_digest) == (
        "machine",
        None,
        None,
        None,
    )


def test_the_anonymous():
    allowed = event(Allow(None), bearer())
    assert (allowed.cache, allowed.subject, allowed.token_digest) == ("none", None, None)


def test_subjects_can_be_switched_off():
    assert event(Allow(TOKEN), subjects=False).subject is None
    assert event(Deny(403, (), b"", Reason.MISSING_SCOPE, TOKEN), subjects=False).subject is None


@pytest.mark.parametrize(
    ("lines", "token"),
    [
        ([b"Bearer abc"], b"abc"),
        ([b"bearer   abc "], b"abc"),
        ([b"Basic abc"], None),
        ([b"Bearer a,b"], None),
        ([b"Bearer "], None),
        ([b"Bearer"], None),
        ([b"Bearer abc", b"Bearer abc"], None),
        ([], None),
    ],
)
def test_the_digest_is_of_what_was_one_token(lines, token):
    digest = event(
        Allow(None), Request("GET", "/", headers=[(b"authorization", line) for line in lines])
    ).token_digest
    assert digest == (None if token is None else sha256(token).hexdigest()[:16])


def test_its_repr_holds_neither_token_nor_subject():
    shown = repr(event(Allow(TOKEN), bearer("canary")))
    assert "canary" not in shown
    assert "subject-1" not in shown

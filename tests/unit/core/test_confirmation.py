"""The dispatch over the members of `cnf` (RFC 7800 §3.1)."""

from __future__ import annotations

import copy

import pytest

from iiniit_guard.core.claims.confirmation import METHODS, demand_both, is_confirmable
from iiniit_guard.core.confirmation import confirm
from iiniit_guard.core.model.access_token import AccessToken, Claims
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer


def token_with(confirmation: dict[str, str]) -> AccessToken:
    return AccessToken("i", confirmation=Claims(confirmation))


THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_check(method):
    """A token that has only this binding does not pass without its proof."""
    request, resource = Request("GET", "/"), Issuer().guard()._engine.resource
    problem = confirm(token_with({method: THUMBPRINT}), request, resource, None)

    assert problem is not None
    assert problem.reason in {Reason.UNSUPPORTED_CONFIRMATION, Reason.NO_CERTIFICATE}


@pytest.mark.parametrize(
    "confirmation, good",
    [
        ({"jkt": THUMBPRINT}, True),
        ({"x5t#S256": THUMBPRINT}, True),
        ({"jkt": THUMBPRINT, "kid": 1}, True),
        ({"jkt": THUMBPRINT, "x5t#S256": THUMBPRINT}, True),
        ({"jkt": THUMBPRINT, "x5t#S256": "x"}, False),
        ({"jkt": THUMBPRINT, "x5t#S256": None}, False),
        ({"jkt": THUMBPRINT + "\n"}, False),
        ({"jkt": THUMBPRINT[:-1]}, False),
        ({"jkt": THUMBPRINT[:-1] + "J"}, False),
        ({"jkt": THUMBPRINT[:-1] + "="}, False),
        ({"jkt": [THUMBPRINT]}, False),
        ({"kid": "x"}, False),
        ({}, False),
        (None, False),
        ("jkt", False),
        (["jkt"], False),
    ],
)
def test_a_binding_is_confirmable_if_each_known_member_is_a_thumbprint(confirmation, good):
    assert is_confirmable(confirmation) is good


def test_a_member_may_be_demanded():
    """RFC 9449 §6.2: `token_type` DPoP without `jkt` cannot be checked."""
    assert not is_confirmable({"x5t#S256": THUMBPRINT}, "jkt")
    assert is_confirmable({"jkt": THUMBPRINT}, "jkt")


def test_a_bound_token_without_a_member_that_is_checked_is_refused():
    """A cache entry of another version must not pass because no check applies to it."""
    request, resource = Request("GET", "/"), Issuer().guard()._engine.resource
    problem = confirm(token_with({"kid": "x"}), request, resource, None)

    assert problem is not None
    assert problem.reason is Reason.UNSUPPORTED_CONFIRMATION
    assert confirm(AccessToken("i"), request, resource, None) is None


OTHER = "v68ffgcPn6jdYpBfFY2nP4ShE2Yk-6_Mk5PI9yh6aes"


@pytest.mark.parametrize(
    "answered, own, joined",
    [
        ({"jkt": THUMBPRINT}, None, {"jkt": THUMBPRINT}),
        ({"jkt": THUMBPRINT}, {}, {"jkt": THUMBPRINT}),
        ({"jkt": THUMBPRINT}, {"jkt": THUMBPRINT}, {"jkt": THUMBPRINT}),
        ({"jkt": THUMBPRINT}, {"jkt": OTHER}, {}),
        ({"jkt": THUMBPRINT}, {"jkt": None}, {}),
        ({"jkt": THUMBPRINT}, {"x5t#S256": OTHER}, {"jkt": THUMBPRINT, "x5t#S256": OTHER}),
        ({"jkt": THUMBPRINT, "a": 1}, {"b": 2}, {"jkt": THUMBPRINT, "a": 1}),
        ({"a": 1}, {"jkt": THUMBPRINT}, {"a": 1}),
        ({}, {"jkt": THUMBPRINT}, {}),
        (None, {"jkt": THUMBPRINT}, None),
    ],
)
def test_the_bindings_of_two_sources_add_up(answered, own, joined):
    """No source can remove what the other demands, and an unknown binding stays unknown."""
    before = copy.deepcopy((answered, own))

    assert demand_both(answered, own) == joined
    assert (answered, own) == before

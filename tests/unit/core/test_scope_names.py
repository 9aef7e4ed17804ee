"""`scope_prefix`: the names under which a client requests scopes (Entra ID)."""

from __future__ import annotations

import pytest

from iiniit_guard import Deny, Guard, Request, TrustedIssuer
from iiniit_guard.core.http.scope_names import requested_names
from iiniit_guard.core.model.policy import Policy, make_policy
from iiniit_guard.core.resource_metadata import resource_document
from iiniit_guard.testing import Issuer
from tests.unit.core.stepping import API, make_clock, make_issuer, make_resource

PREFIX = "api://orders/"


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ((), ()),
        (("read",), ("api://orders/read",)),
        (("read", "write"), ("api://orders/read", "api://orders/write")),
        (("api://orders/read",), ("api://orders/read",)),
        (("openid", "offline_access", "read"), ("openid", "offline_access", "api://orders/read")),
    ],
)
def test_the_names_that_a_client_requests(scopes, expected):
    assert requested_names(scopes, PREFIX) == expected
    assert requested_names(scopes, None) == scopes


def document(prefixes, scopes=("read", "openid")):
    issuers = [
        make_issuer(issuer=f"https://{number}.test", scope_prefix=prefix)
        for number, prefix in enumerate(prefixes)
    ]
    resource = make_resource(
        make_clock(), resource=API, resource_scopes=list(scopes), issuers=issuers
    )
    return resource_document(resource.settings).get("scopes_supported")


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        ([None], ["read", "openid"]),
        ([PREFIX], ["api://orders/read", "openid"]),
        ([PREFIX, PREFIX], ["api://orders/read", "openid"]),
        ([PREFIX, None], ["api://orders/read", "openid", "read"]),
    ],
)
def test_the_resource_metadata_names_them(prefixes, expected):
    assert document(prefixes) == expected


def test_the_resource_metadata_of_issuers_that_a_callable_finds():
    resource = make_resource(make_clock(), resource=API, resource_scopes=["read"], issuers=print)

    assert resource_document(resource.settings)["scopes_supported"] == ["read"]


def scope_of(guard: Guard, token: str, policy: Policy) -> str | None:
    request = Request("GET", "/", b"", [(b"authorization", b"Bearer " + token.encode())])
    decision = guard.authenticate(request, policy)
    assert isinstance(decision, Deny)
    challenge = decision.header("WWW-Authenticate") or ""
    return challenge.partition(' scope="')[2].partition('"')[0] or None


def settings_of(issuer: Issuer, prefix: str | None) -> TrustedIssuer:
    return TrustedIssuer(issuer=issuer.issuer, audience=API, scope_prefix=prefix)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (make_policy(["read", "write"]), "api://orders/read api://orders/write"),
        (make_policy(["read", "write"], match="any"), "api://orders/read"),
        (make_policy(["read"], acr_values=("gold",)), "api://orders/read"),
        (make_policy([], acr_values=("gold",)), None),
    ],
)
def test_a_challenge_names_them(policy, expected):
    issuer = Issuer()

    assert (
        scope_of(issuer.guard(scope_prefix=PREFIX), issuer.token("user:read"), policy) == expected
    )


@pytest.mark.parametrize("by_callable", [False, True])
def test_a_challenge_has_the_prefix_of_the_issuer_of_the_token(by_callable):
    one, other = Issuer(), Issuer("https://other.test")
    issuers = [settings_of(one, PREFIX), settings_of(other, None)]
    known = {each.issuer: each for each in issuers}
    guard = Guard(
        issuers=known.get if by_callable else issuers,
        transport=lambda request: (other if "other" in request.url else one).handle(request),
        clock=one.clock.clock,
    )
    policy = make_policy(["read"])

    assert scope_of(guard, one.token(), policy) == "api://orders/read"
    assert scope_of(guard, other.token(), policy) == "read"


def test_the_policy_compares_the_short_name():
    issuer = Issuer()
    guard, policy = issuer.guard(scope_prefix=PREFIX), make_policy(["read"])

    assert scope_of(guard, issuer.token("api://orders/read"), policy) == "api://orders/read"
    assert guard.verify(issuer.token("read")).scopes == {"read"}


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        ([PREFIX], "api://orders/read"),
        ([None, PREFIX], "read"),
        ([PREFIX, None], "api://orders/read"),
    ],
)
def test_without_a_valid_token_the_first_issuer_names_them(prefixes, expected):
    issuers = [Issuer(f"https://{number}.test") for number in range(len(prefixes))]
    settings = [
        settings_of(issuer, prefix) for issuer, prefix in zip(issuers, prefixes, strict=True)
    ]
    guard = Guard(issuers=settings, transport=issuers[0].handle, clock=issuers[0].clock.clock)

    assert scope_of(guard, "garbage", make_policy(["read"])) == expected


def test_without_a_valid_token_an_issuer_that_a_callable_finds_is_unknown():
    issuer = Issuer()
    guard = Guard(issuers=lambda _: settings_of(issuer, PREFIX), transport=issuer.handle)

    assert scope_of(guard, "garbage", make_policy(["read"])) == "read"

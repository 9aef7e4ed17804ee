"""Every row of the attack table through every gateway: the answer to the client, and the request
that reaches the API.
"""

from __future__ import annotations

import re

import pytest

from tests.integration.gateways.answers import PROFILE, REFUSED
from tests.integration.gateways.client import Answered
from tests.integration.gateways.passing import PASSING
from tests.integration.gateways.paths import (
    AMBIGUOUS,
    AROUND_PUBLIC,
    ASKS_RAW,
    GUARDED,
    HARMLESS,
    NORMAL,
)
from tests.integration.gateways.rows import AMBIGUOUS_PATH, BEARER, Row
from tests.integration.gateways.spoofs import DROPPED, IDENTITY, LIE, SMUGGLED, SPOOFS
from tests.integration.gateways.upstream import Arrived
from tests.integration.gateways.world import World

READER = {
    "x-iiniit-subject": "user-1",
    "x-iiniit-client": "client-1",
    "x-iiniit-scope": "user:read",
}
NOBODY = dict.fromkeys(IDENTITY, "")


def identity(arrived: Arrived) -> dict[str, str]:
    """Return what an API would read as the caller's identity, in any folding of names; an absent
    header is empty.
    """
    found: dict[str, str] = dict(NOBODY)
    for name, value in arrived.headers:
        folded = re.sub("[^a-z0-9]", "-", name.lower())
        if folded.startswith("x-iiniit"):
            assert folded in IDENTITY, name
            assert name.lower() == folded, name
            assert not found[folded], f"{name} is there twice"
            found[folded] = value
    return found


def assert_refused(world: World, row: Row, answered: Answered) -> None:
    if world.recipe.name in row.bare:
        assert answered.status == row.bare[world.recipe.name]
        return
    assert answered.status == row.status
    assert answered.values("www-authenticate") == ([] if row.challenge is None else [row.challenge])
    if not (
        world.recipe.name == "envoy" and row.method == "HEAD"
    ):  # it omits the type if there is no body
        assert answered.values("content-type") == ["application/problem+json"]
    assert answered.values("cache-control") == ["no-store"]
    assert answered.varies_by == {"authorization", "dpop"}
    assert answered.values("x-iiniit-answer") == []
    if row.method == "HEAD":
        assert answered.body == b""
    else:
        assert (answered.problem["reason"], answered.problem["status"]) == (row.reason, row.status)


@pytest.mark.parametrize("row", PASSING, ids=str)
def test_what_is_allowed_arrives_unchanged(world, row):
    answered, arrived = world.ask(row.method, row.target, row.headers, row.body)

    assert answered.status == 200
    assert answered.body == (b"" if row.method == "HEAD" else f"{row.method} from the API".encode())
    assert answered.values("www-authenticate") == ['ApiKey realm="own"']
    (one,) = arrived
    assert (one.method, one.target) == (row.method, row.target)
    assert one.body == (b"hello world" if b"hello\r\n" in row.body else row.body)
    sent = dict(row.headers).get("Authorization", "")
    if row.target.startswith("/healthz") or not {name.lower() for name, _ in row.headers} & {
        "authorization"
    }:
        assert identity(one) == NOBODY
    else:
        writer = "{writer}" in sent
        wanted = {**READER, "x-iiniit-issuer": world.issuer.url}
        assert identity(one) == (
            {**wanted, "x-iiniit-subject": "writer-1", "x-iiniit-scope": "user:write"}
            if writer
            else wanted
        )


@pytest.mark.parametrize("row", REFUSED, ids=str)
def test_what_is_refused_is_refused_as_everywhere(world, row):
    answered, arrived = world.ask(row.method, row.target, row.headers, row.body)

    assert arrived == []
    assert_refused(world, row, answered)


@pytest.mark.parametrize("token", [None, "other", "good"], ids=["no-token", "wrong-token", "token"])
@pytest.mark.parametrize(
    "target",
    [*AMBIGUOUS, *GUARDED, *AROUND_PUBLIC],
    ids=lambda target: target.encode("unicode_escape").decode(),
)
def test_no_reading_of_a_path_opens_another(world, target, token):
    headers = () if token is None else (("Authorization", f"Bearer {{{token}}}"),)
    answered, arrived = world.ask("GET", target, headers)

    may_arrive = HARMLESS | (NORMAL if token == "good" else frozenset())
    assert {one.target for one in arrived} <= may_arrive
    if arrived:
        assert answered.status == 200
    else:
        assert 400 <= answered.status < 500
    if world.recipe.name in ASKS_RAW and target.startswith("/"):
        assert all(one.target == target.partition("#")[0] for one in arrived)
    if world.recipe.name in ASKS_RAW and target in AMBIGUOUS:
        assert answered.status == (
            404 if world.recipe.name == "apache" and "%00" in target else 400
        )


@pytest.mark.parametrize("name", SPOOFS)
@pytest.mark.parametrize("target", [PROFILE, "/healthz"])
def test_nobody_speaks_in_the_guards_name(world, name, target):
    headers = BEARER if target == PROFILE else ()
    answered, arrived = world.ask("GET", target, (*SPOOFS[name], *headers))

    assert answered.status == 200
    (one,) = arrived
    assert identity(one) == ({**READER, "x-iiniit-issuer": world.issuer.url} if headers else NOBODY)
    assert LIE not in str(one.headers)


@pytest.mark.parametrize("name", SMUGGLED)
def test_nobody_speaks_in_the_gateways_name(world, name):
    refused, nothing = world.ask("GET", PROFILE, SMUGGLED[name])

    assert nothing == []
    assert refused.status == 401

    answered, arrived = world.ask("GET", PROFILE, (*SMUGGLED[name], *BEARER))

    assert answered.status == 200
    (one,) = arrived
    assert (one.method, one.target) == ("GET", PROFILE)
    assert identity(one) == {**READER, "x-iiniit-issuer": world.issuer.url}
    for header, value in SMUGGLED[name]:
        if header != "Connection":
            assert value not in one.values(header), header


@pytest.mark.parametrize("name", DROPPED)
def test_a_client_drops_nothing_on_the_way(world, name):
    dropping = ("Connection", DROPPED[name])
    override = ("X-HTTP-Method-Override", "DELETE")
    refused, nothing = world.ask("GET", PROFILE, (dropping,))
    overriding, never = world.ask("GET", PROFILE, (dropping, override, *BEARER))
    answered, arrived = world.ask("GET", PROFILE, (dropping, *BEARER))

    assert nothing == []
    assert refused.status in {400, 401}
    # Traefik and Envoy drop the named fields before they call the guard. The guard then decides
    # about the request that the API gets, so the attack gains nothing.
    assert overriding.status in {400, 401} or (
        overriding.status == 200 and never[0].values(override[0]) == []
    )
    assert answered.status == (200 if arrived else answered.status)
    assert answered.status in {200, 400, 401}
    for one in arrived:
        assert identity(one) == {**READER, "x-iiniit-issuer": world.issuer.url}
        assert one.values("connection") in ([], ["keep-alive"], ["Keep-Alive"], ["close"])


@pytest.mark.parametrize(
    "fields",
    [(("Authorization", ""), *BEARER), (*BEARER, ("Authorization", ""))],
    ids=["before", "behind"],
)
def test_an_empty_authorization_field_is_no_way_to_be_judged_by_another_token(world, fields):
    answered, arrived = world.ask("GET", PROFILE, fields)

    if arrived:  # Envoy ignores the empty one. The API gets only the token that the guard checked.
        assert world.recipe.name == "envoy"
        assert [value for value in arrived[0].values("authorization") if value] == [
            world.fill("Bearer {good}")
        ]
    else:
        assert answered.status == 400


def test_an_ambiguous_path_is_400_where_the_gateway_asks_about_it_raw(world):
    answered, _ = world.ask("GET", "/v1/x/../user/profile", BEARER)

    if world.recipe.name in ASKS_RAW:
        assert (answered.status, answered.values("www-authenticate")) == (400, [AMBIGUOUS_PATH])
        assert answered.problem["reason"] == "ambiguous_path"

"""A gateway grants nothing for a response that is not a grant, and every grant has an identity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.broken import FORGED, INCOMPLETE, MALFORMED, TWICE
from tests.integration.gateways.client import Answered
from tests.integration.gateways.recipes import GUARD_PORT
from tests.integration.gateways.rows import BEARER
from tests.integration.gateways.spoofs import LIE
from tests.integration.gateways.upstream import Arrived
from tests.integration.gateways.world import World
from tests.integration.servers.loopback import LoopbackServer, Peer

READS_STRICTLY = {"nginx", "nginx-cache", "haproxy", "apache"}
"""Recipes that tell the guard from any other program: nginx by a field of each answer, the scripts
by reading it themselves.
"""

_LENIENT_GO = {"two spaces", "an unknown version", "a line break in a value"}
READ_LENIENTLY = {
    "caddy": {*_LENIENT_GO, "a field without a name"},
    "caddy-current": _LENIENT_GO,
    "traefik": {*_LENIENT_GO, "success of another kind", "a part"},
    "envoy": {
        "four digits that begin with 0",
        "two spaces",
        "a tab",
        "a tab behind",
        "a sign",
        "an unknown version",
        "a line break in a value",
    },
}
"""What the programs themselves read as 200, before any recipe is asked; each has a complete
identity.
"""


class FakeGuard:
    """A server that replaces the guard at its port, as a context manager.

    Attributes:
        said: Its response, after which it closes the connection; None means that it hangs.
    """

    def __init__(self, world: World) -> None:
        self.said: bytes | None = b""
        self._world = world

    def __enter__(self) -> Self:
        self._world.guard.stop()
        self._server = LoopbackServer(self._serve, port=self._world.ports[GUARD_PORT])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()
        self._world.start_guard()

    def _serve(self, peer: Peer) -> None:
        if peer.receive() is None:
            return
        if self.said is None:
            peer.hang()
        else:
            peer.send(self.said)


@pytest.fixture(scope="module")
def fake(world: World) -> Iterator[FakeGuard]:
    """Return one server for all tests of a gateway, as a restart of the guard takes a second."""
    with FakeGuard(world) as guard:
        yield guard


def ask_under(
    world: World, guard: FakeGuard, answers: Mapping[str, bytes]
) -> dict[str, tuple[Answered, list[Arrived]]]:
    """Send a request with a token and a forged identity, and a public one, for each response."""
    told = {}
    for name, guard.said in answers.items():
        # A separate target, because a recipe that caches grants may have one for another response.
        query = quote(name)
        answered, arrived = world.ask(
            "GET", f"{PROFILE}?{query}", (("X-Iiniit-Subject", LIE), *BEARER)
        )
        _, public = world.ask("GET", f"/healthz?{query}", (("X-Iiniit-Subject", LIE),))
        told[name] = answered, [*arrived, *public]
    return told


def spoken_by(arrived: list[Arrived]) -> set[str]:
    """Return every value of an identity header that reached the API."""
    return {value for one in arrived for name, value in one.headers if "iiniit" in name.lower()}


def test_what_is_no_grant_is_none(world, fake):
    told = ask_under(world, fake, MALFORMED)

    passed = {name for name, (_, arrived) in told.items() if arrived}
    assert passed == READ_LENIENTLY.get(world.recipe.name, set())
    for answered, arrived in told.values():
        assert spoken_by(arrived) <= {FORGED}  # never a value that the client sent
        assert (
            answered.status == 200
            if arrived
            else answered.status not in range(200, 300) or world.recipe.name == "envoy"
        )
    if world.recipe.name in READS_STRICTLY:
        assert {answered.status for answered, _ in told.values()} == {503}
        assert {answered.problem["reason"] for answered, _ in told.values()} == {
            "guard_unavailable"
        }


def test_a_grant_without_all_four_identity_headers_is_refused(world, fake):
    told = ask_under(world, fake, INCOMPLETE)

    for answered, arrived in told.values():
        if (
            world.recipe.name == "traefik"
        ):  # it cannot detect a missing field, which is then missing at the API too
            assert spoken_by(arrived) <= {FORGED}
        else:
            assert arrived == []
            assert (answered.status, answered.problem["reason"]) == (503, "guard_unavailable")


def test_an_identity_that_is_said_twice_is_none_where_a_script_reads_it(world, fake):
    (told,) = ask_under(world, fake, {"twice": TWICE}).values()

    assert spoken_by(told[1]) <= {FORGED, "another", f"{FORGED},another"}
    if world.recipe.name in READS_STRICTLY:
        assert (told[0].status, told[1]) == (503, [])


@pytest.mark.parametrize(
    "said", [None, b"", b"HTTP/1.1 200 OK\r\n"], ids=["hangs", "closes", "closes within the head"]
)
def test_a_guard_that_hangs_or_closes_is_no_pass(world, fake, said):
    fake.said = said
    # A separate target, because a recipe that caches grants may have one for the profile.
    answered, arrived = world.ask(
        "GET", f"{PROFILE}?said={None if said is None else len(said)}", BEARER
    )

    assert arrived == []
    assert answered.status == (500 if world.recipe.name == "traefik" else 503)
    assert answered.seconds < (34 if world.recipe.name == "traefik" else 7)

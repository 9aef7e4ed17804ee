"""Files that gateways and the guard wrote during the tests contain no token."""

from __future__ import annotations

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.rows import BEARER


def test_no_token_is_written_anywhere(world):
    for headers in [
        BEARER,
        (*BEARER, *BEARER),
        (("Authorization", "Bearer {forged}"),),
        (("Authorization", "Bearer {good}, Bearer {good}"),),
        (("Authorization", "Bearer {good}\x01"),),
        (*BEARER, ("X-Huge", "{good}" * 400)),
        (*BEARER, ("Referer", "https://app.example/?access_token={good}")),
    ]:
        world.ask("GET", PROFILE, headers)
    for target in (
        f"{PROFILE}?access_token={{good}}",
        "/healthz?access_token={opaque}",
        f"{PROFILE}?%61ccess_token={{good}}",
    ):
        world.ask("GET", target)
    world.ask_bytes(world.fill(f"GET {PROFILE}\r\nAuthorization: Bearer {{good}}\r\n\r\n").encode())
    world.ask_bytes(
        world.fill(f"GET {PROFILE} HTTP/1.1\r\nAuthorization: Bearer {{good}}\r\n\r\n").encode()
    )
    fresh = world.issuer.issuer.token("user:read")
    world.guard.stop()
    try:
        world.ask("GET", f"{PROFILE}?access_token={fresh}", (("Authorization", f"Bearer {fresh}"),))
    finally:
        world.start_guard()
    tokens = {**world.tokens, "fresh": fresh}
    # Of a JWT the signature: what comes before it may be cut off or escaped in some other way.
    parts = {name: token.rpartition(".")[2].encode() for name, token in tokens.items()}
    # Gateways write late.
    world.gateway.stop()
    world.gateway.start()
    world.wait_until_it_answers()

    written = list(world.logs())
    own = {world.directory / "guard.toml", world.directory / "introspection-secret"}
    assert [
        (file.name, name)
        for file, data in written
        if file not in own
        for name, part in parts.items()
        if part in data
    ] == []
    # Requests are in a log; otherwise this test would prove nothing.
    assert any(
        PROFILE.encode() in data or b'"RequestMethod":"GET"' in data
        for file, data in written
        if file.name != "guard.out"
    )

"""Goal 1: from the bytes of a header field to the cached token."""

from __future__ import annotations

from iiniit_guard.core.model.request import only_authorization, request_from_scope
from tests.load.benchmarks import peers
from tests.load.benchmarks.floors import remembering
from tests.load.benchmarks.measure import Row, compare
from tests.load.benchmarks.tokens import SCOPE, cached, make_guard, make_issuer, scope_of, token_of


def measure(rounds: int) -> list[Row]:
    """Compare with a hash, a lookup and a comparison."""
    issuer = make_issuer()
    token = token_of(issuer)
    guard, heard = make_guard(issuer), make_guard(issuer, on_event=lambda event: None)
    expected = guard.verify(token), heard.verify(token)
    scope = scope_of(token)
    headers, request = scope["headers"], request_from_scope(scope)
    authorization = headers[-1][1]

    def ours() -> object:
        return cached(guard, only_authorization(headers) or b"")

    def listened() -> object:
        return cached(heard, only_authorization(headers) or b"")

    if (ours(), listened()) != expected:
        raise RuntimeError("the token is not remembered")
    base = remembering(token, SCOPE)
    others, unable = peers.split({"fastmcp": peers.peer(lambda: _fastmcp(issuer, token))})
    measured = compare(
        lambda: base(authorization),
        {
            "ours": ours,
            "with a listener": listened,
            "authenticate(request)": lambda: guard.authenticate(request),
            **others,
        },
        rounds=rounds,
    )
    return [
        Row(
            goal=1,
            name="cached token, header bytes to `AccessToken`",
            limit=2.0,
            ours=measured["ours"],
            peers={**{name: measured[name] for name in others}, **unable},
            beside={name: measured[name] for name in ("with a listener", "authenticate(request)")},
            note="sha256 + dict + exp",
        )
    ]


def _fastmcp(issuer: object, token: str) -> object:
    check = peers.fastmcp_cached(issuer, token)  # type: ignore[arg-type]  # an Issuer
    return lambda: check(token)

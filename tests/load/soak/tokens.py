"""The tokens of the soak test, the state of each, and the correct answer at each moment."""

from __future__ import annotations

import base64
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from iiniit_guard.testing.keys import make_key
from tests.load.soak.kinds import OF_KEYS, WITHOUT_SERVER
from tests.load.soak.site import CountingIssuer

REVOCATION_DELAY_SECONDS: Final = 60.0
COOLDOWN_SECONDS: Final = 30.0
KEYS_MAX_AGE_SECONDS: Final = 300.0
LONGEST_BREAKER_PAUSE_SECONDS: Final = 15.0
SLACK_SECONDS: Final = 1.0  # between two processes on a busy machine
JWTS, OPAQUE, REVOCABLE = 600, 200, 12
LIFE_SECONDS: Final = 240.0


@dataclass
class Shown:
    """A token and its life.

    Attributes:
        token: None where none is sent.
        made: When it was issued.
        key: The number of the key that signed it.
        revoked: When it was revoked, None as long as it is good.
        last_good: When it was last sent and accepted after its revocation.
    """

    token: str | None
    made: float = 0.0
    key: int = 0
    revoked: float | None = None
    last_good: float | None = None


class Pool:
    """Provides tokens, and replaces each old one by a new one.

    Attributes:
        published: Key number to the moment it was published.
        withdrawn: Key number to the moment it was withdrawn.
        outage: When the authorization server failed, None while it does not.
        mended: When it came back.
        late_key: Longest time after publication at which a new key's token was still refused.
        old_key: Longest time after withdrawal at which a token of an old key was accepted.
        ended: Revoked tokens that are over.
    """

    def __init__(self, server: CountingIssuer) -> None:
        self.server = server
        self._random = random.Random(7)
        self._key = 0
        self.published: dict[int, float] = {0: float("-inf")}
        self.withdrawn: dict[int, float] = {}
        self.outage: float | None = None
        self.mended: float | None = None
        self.late_key = self.old_key = 0.0
        self.ended: list[Shown] = []
        self._jwts = [self._jwt(aged=True) for _ in range(JWTS)]
        self._opaque = [self._opaque_token(aged=True) for _ in range(OPAQUE)]
        self.revocable = [self._opaque_token() for _ in range(REVOCABLE)]
        stranger = make_key("ES256", "a stranger")
        issuer = server.issuer
        self._rest: dict[str, Callable[[], Shown]] = {
            "no token": lambda: Shown(None),
            "no scope": lambda: Shown(issuer.token("other"), key=self._key),
            "expired": lambda: Shown(issuer.token(expires_in=-60)),
            "bad signature": lambda: Shown(
                issuer.token(sign_with=stranger, header={"kid": issuer.signing_key.kid})
            ),
            "unknown key": lambda: Shown(
                issuer.token(
                    sign_with=stranger, header={"kid": base64.b16encode(os.urandom(8)).decode()}
                )
            ),
            "junk": lambda: Shown(base64.b16encode(os.urandom(16)).decode()),
        }

    def pick(self, kind: str) -> Shown:
        """Return a token for a request of this kind."""
        what = kind.removeprefix("introspect ")
        if what == "revocable":
            return self._random.choice(self.revocable)
        if what not in ("jwt", "opaque"):
            shown = self._rest[what]()
            self.server.issuer.revoke(
                shown.token or ""
            )  # so that the server stores few issued tokens
            return shown
        tokens, make = (
            (self._jwts, self._jwt) if what == "jwt" else (self._opaque, self._opaque_token)
        )
        place = self._random.randrange(len(tokens))
        if time.monotonic() - tokens[place].made > LIFE_SECONDS:
            self.server.issuer.revoke(tokens[place].token or "")
            tokens[place] = make()
        return tokens[place]

    def rotate(self, *, keep_old: bool) -> None:
        """Publish a new key and sign with it at once, without the announcement that a careful
        server makes.
        """
        now = time.monotonic()
        if not keep_old:
            self.withdrawn.update(
                {number: now for number in self.published if number not in self.withdrawn}
            )
        self.server.issuer.rotate_keys(keep_old)
        self._key += 1
        self.published[self._key] = now
        # A good key's tokens are replaced as they age. Some tokens of a withdrawn key are sent
        # again, to see that they are refused.
        for place in range(JWTS):
            if place % 3 == 0 if keep_old else place % 10:
                self._jwts[place] = self._jwt(aged=True)

    def revoke_one(self) -> None:
        """Revoke a token that is in use. Clients continue to present it, to measure how long it is
        accepted.
        """
        shown = next((one for one in self.revocable if one.revoked is None), None)
        if shown is not None:
            self.server.issuer.revoke(shown.token or "")
            shown.revoked = time.monotonic()

    def replace_ended(self) -> None:
        """Replace the tokens whose revocation every cache must have noticed."""
        now = time.monotonic()
        for place, shown in enumerate(self.revocable):
            if shown.revoked is not None and now - shown.revoked > 1.5 * REVOCATION_DELAY_SECONDS:
                self.ended.append(shown)
                self.revocable[place] = self._opaque_token()

    def fault(
        self, kind: str, shown: Shown, sent: float, status: int, active: bool | None
    ) -> str | None:
        """Return the fault of an answer; None for a correct one.

        Args:
            kind: Of the request.
            shown: With which token.
            sent: When.
            status: Of the answer.
            active: The result of `/introspect`.
        """
        what = kind.removeprefix("introspect ")
        if status == 503:
            of_keys = what in OF_KEYS or (what == "jwt" and shown.key in self.withdrawn)
            asked = of_keys or what not in WITHOUT_SERVER
            return (
                None
                if asked and self._is_outage(sent, of_keys=of_keys)
                else "503 where the server is not needed or well"
            )
        good = bool(status == 200 if active is None else active)
        if what == "jwt":
            return self._fault_of_jwt(shown, sent, good)
        if what == "revocable" and shown.revoked is not None:
            if good and sent > shown.revoked:
                shown.last_good = sent
            late = sent > shown.revoked + REVOCATION_DELAY_SECONDS
            return (
                f"good {sent - shown.revoked:.1f} s after its revocation" if good and late else None
            )
        if what in ("opaque", "revocable"):
            return None if good else f"a good token got {status}"
        wanted = 403 if what == "no scope" else 401
        if (
            what == "no scope"
            and status == 401
            and sent - self.published[shown.key] <= COOLDOWN_SECONDS + SLACK_SECONDS
        ):
            return None
        return None if status == wanted else f"{status} instead of {wanted}"

    def _fault_of_jwt(self, shown: Shown, sent: float, good: bool) -> str | None:
        withdrawn = self.withdrawn.get(shown.key)
        if withdrawn is not None and sent > withdrawn:
            if good:
                self.old_key = max(self.old_key, sent - withdrawn)
            return (
                "good under a withdrawn key"
                if good and sent > withdrawn + KEYS_MAX_AGE_SECONDS + SLACK_SECONDS
                else None
            )
        if good:
            return None
        age = sent - self.published[shown.key]
        self.late_key = max(self.late_key, age)
        return (
            None
            if age <= COOLDOWN_SECONDS + SLACK_SECONDS
            else f"a good token refused {age:.0f} s after its key was published"
        )

    def _is_outage(self, sent: float, *, of_keys: bool) -> bool:
        if self.outage is None or sent < self.outage - SLACK_SECONDS:
            return False
        grace = COOLDOWN_SECONDS if of_keys else LONGEST_BREAKER_PAUSE_SECONDS
        return self.mended is None or sent <= self.mended + grace + SLACK_SECONDS

    def _jwt(self, *, aged: bool = False) -> Shown:
        token = self.server.issuer.token(expires_in=2 * LIFE_SECONDS, client_id=self._client())
        return Shown(token, self._made(aged), self._key)

    def _opaque_token(self, *, aged: bool = False) -> Shown:
        return Shown(
            self.server.issuer.opaque_token(expires_in=4 * LIFE_SECONDS, client_id=self._client()),
            self._made(aged),
        )

    def _made(self, aged: bool) -> float:
        return time.monotonic() - (self._random.random() * LIFE_SECONDS if aged else 0.0)

    def _client(self) -> str:
        return f"client-{self._random.randrange(40)}"

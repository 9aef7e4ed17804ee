"""What must hold in the simulated world whenever a decision is made."""

from __future__ import annotations

import math
from typing import Any

from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.flow import Fetch
from iiniit_guard.testing import Issuer
from tests.contract.properties.parts import (
    AHEAD,
    CALL_SECONDS,
    INACTIVE_SECONDS,
    LEEWAY,
    PAUSE_SECONDS,
    Issued,
    Process,
)


class Verdicts:
    """The checks of one world's decisions.

    Attributes:
        issuer: The issuer of the world.
        jwt: The setting of every guard.
        delay: `revocation_delay_seconds` of every guard.
        shared: Whether the processes share a store.
        rotated: How far the clock of each process was when the issuer's key was replaced.
        seen: The results, for the statistics of a run.
    """

    issuer: Issuer
    jwt: str
    delay: int
    shared: bool
    rotated: dict[int, float]
    seen: list[str]

    def judge(self, process: Process, token: Issued, decision: Any) -> None:
        """Compare a decision with the facts."""
        if isinstance(decision, Allow):
            self.seen.append("allowed after its revocation" if token.revoked else "allowed")
            self.judge_allowed(process, token, decision)
        elif decision.status == 503:
            self.seen.append("unavailable")
            recent = process.mono - process.failed <= PAUSE_SECONDS
            # After failures one call at a time finds out whether the server is back; until it has,
            # the others are not let through.
            probing = process.failed > -math.inf and any(
                isinstance(flow.steps.effect, Fetch) for flow in process.flows
            )
            assert recent or probing or process.waited_in_vain, "503 although nothing failed lately"
        else:
            self.seen.append(decision.reason.value)
            assert self.cause(process, token), f"refused without cause: {decision.reason}"

    def judge_allowed(self, process: Process, token: Issued, decision: Allow) -> None:
        """Check that an accepted token is within every limit."""
        wall = process.clock.wall()
        assert wall < token.expires + LEEWAY, "allowed after exp"
        assert token.issued - AHEAD <= wall, "allowed before it was issued"
        if token.kid is not None and self.jwt != "introspect" and process.key_set is not None:
            assert token.kid in process.key_set[1], "allowed with a key that was withdrawn"
        process.was_good.add(token)
        if token.kid is not None and self.jwt == "verify":
            return  # no guarantee applies after exp
        assert token not in process.ended, "allowed after this process had learned of its end"
        if token.revoked is not None:
            mono, peak = token.revoked[process.number]
            longest = self.delay if decision.cache == "hit" else max(self.delay, CALL_SECONDS)
            skew = 2 if self.shared else 0
            assert process.mono < mono + longest + skew, (
                "allowed later than promised, by the monotonic clock"
            )
            assert wall < peak + longest + skew, "allowed later than promised, by the wall clock"

    def cause(self, process: Process, token: Issued) -> bool:
        """Return whether this token may be refused."""
        wall = process.clock.wall()
        asked = token.kid is None or self.jwt != "verify"
        ended = asked and token.revoked is not None
        local = wall >= token.expires + LEEWAY or token.issued - AHEAD > wall
        gone = asked and token.expires <= self.issuer.now
        keyless = (
            token.kid is not None
            and self.jwt != "introspect"
            and (
                token.kid not in {key.kid for key in self.issuer.keys}
                or process.mono - self.rotated.get(process.number, float("-inf")) <= PAUSE_SECONDS
            )
        )
        if ended and not local and not keyless and token in process.was_good:
            process.ended.add(token)
        if ended or local or gone or keyless:
            process.refused[token] = process.mono
            return True
        return process.mono - process.refused.get(token, float("-inf")) < INACTIVE_SECONDS

"""Responses with status 400 from an introspection endpoint, about the token or about the guard.

Spec: RFC 7009 §2.2.1 (`unsupported_token_type`), RFC 6749 §5.2 (`invalid_request`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from iiniit_guard.core.cache.negative import NegativeCache
from iiniit_guard.core.issuer.metadata import retry_after
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.clock import Clock, Moment
from iiniit_guard.core.model.flow import HttpResponse, Unreachable
from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.log_line import write_line
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature

Used: TypeAlias = tuple[str, int]
"""The endpoint and the fingerprint of the credentials of a call."""

_PROVEN_SECONDS: Final = 300.0
_WARNING_SECONDS: Final = 3600.0


class Rejections:
    """The responses of one endpoint with status 400.

    Some servers refuse to introspect a JWT and answer 400. That is not an outage, because the same
    request with another token succeeds. Any client can send such a token, so it must not cause a
    503.

    Args:
        issuer: The issuer, for the log.
        refused: The refused tokens of this issuer.
        clock: The wall clock and the monotonic clock.
        hidden: As for `before_signature`.
        admit: Called before each line; returns whether it may be logged.
    """

    def __init__(
        self,
        issuer: str,
        refused: NegativeCache,
        clock: Clock,
        *,
        hidden: bool,
        admit: Callable[[], bool],
    ) -> None:
        self._problem = before_signature(PROBLEMS[Reason.UNSUPPORTED_TOKEN_TYPE], hidden=hidden)
        self._issuer = issuer
        self._refused = refused
        self._clock = clock
        self._admit = admit
        self._answered: tuple[Used, Moment] | None = None
        self._warned_at = float("-inf")

    def refuse(
        self,
        digest: bytes,
        reply: object,
        answer: object,
        used: Used,
        sent: Moment,
        *,
        known: bool,
    ) -> Problem | None:
        """Cache and return the refusal of a token that the endpoint rejected.

        None for any other response.

        Args:
            digest: The key of the token in the caches.
            reply: The response, or why there is none.
            answer: Its parsed form, or why it is not usable.
            used: The endpoint and the credentials of the call.
            sent: When the request was sent.
            known: The token was active within the last hour. A rejection is then a fault of the
                server, because the server introspected the same token before.
        """
        if not isinstance(answer, Unreachable):
            self._answered = (used, sent)
        elif isinstance(reply, HttpResponse) and not known and self._rejects(reply, used):
            self._refused.keep(digest, self._problem, young=False)
            return self._problem
        return None

    def _rejects(self, reply: HttpResponse, used: Used) -> bool:
        """Return whether a response refuses the token, and not the request or the guard.

        `invalid_request` is ambiguous. It concerns the token only if the endpoint recently gave a
        valid response to the same credentials.
        """
        document = parse_object(reply.body) if reply.status == 400 else None
        error = None if document is None else document.get("error")
        if error != "unsupported_token_type" and not (
            error == "invalid_request" and self._was_answered(used)
        ):
            return False
        self._warn(error)
        return True

    def _was_answered(self, used: Used) -> bool:
        if self._answered is None or self._answered[0] != used:
            return False
        return self._clock.age(self._answered[1]) <= _PROVEN_SECONDS

    def _warn(self, error: str) -> None:
        now = self._clock.monotonic()
        if now < self._warned_at + _WARNING_SECONDS:
            return
        self._warned_at = now
        if not self._admit():
            return
        write_line(
            logging.WARNING,
            "introspection: %s answers 400 %s: it does not introspect this kind of token; if it "
            'issues JWTs, set jwt="verify"',
            self._issuer,
            error,
        )


def status_problem(reply: HttpResponse) -> Unreachable | None:
    """Return why the status of a response makes it unusable; None if it does not."""
    if reply.status != 200:
        status = f"introspection: status {reply.status}"
        # RFC 7662 §2.3: the credentials of the guard are wrong; a client cannot fix that.
        if reply.status in (401, 403):
            return Unreachable("credentials", status, 30.0)
        return Unreachable("answer", status, retry_after(reply))
    return None


def parse_answer(reply: HttpResponse) -> JsonMapping | Unreachable:
    """Parse an introspection response. Anything else is an outage, not a fault of the token."""
    problem = status_problem(reply)
    if problem is not None:
        return problem
    content_type = reply.header("content-type") or "application/json"
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        return Unreachable("answer", "introspection: not application/json").about(topic="no_json")
    answer = parse_object(reply.body)
    if answer is None:
        return Unreachable("answer", "introspection: not a JSON object").about(topic="no_json")
    # "false", 1 and null are not booleans (RFC 7662 §2.2).
    if not isinstance(answer.get("active"), bool):
        return Unreachable("answer", "introspection: active is not a boolean")
    return answer

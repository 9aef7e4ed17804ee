"""The policies of the messages that one MCP endpoint receives, by method and name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.rules.mcp_headers import NAMED_BY, Headers, Message, message_of
from iiniit_guard.rules.mcp_uri import is_plain_uri
from iiniit_guard.rules.rule import Requirement, Verdict

ANY_NAME: Final = "*"
_MISMATCH: Final = PROBLEMS[Reason.HEADER_MISMATCH]
_NO_RULE: Final = PROBLEMS[Reason.NO_RULE]


class MessageTable:
    """What each message must satisfy.

    The name of a message selects first: a row with exactly this name, then the row with the longest
    prefix. A row for the method alone follows, and then the row for every other message. A message
    without any row is refused.

    Args:
        rows: By method and name. A name that ends with `*` is a prefix; None is any name.
        otherwise: For every message of a method without rows; None refuses it.
    """

    def __init__(
        self, rows: Mapping[tuple[str, str | None], Verdict], otherwise: Verdict | None
    ) -> None:
        self._rows = rows
        self._exact = {
            key: verdict.answer
            for key, verdict in rows.items()
            if key[1] is None or not key[1].endswith(ANY_NAME)
        }
        self._prefixes = sorted(
            (
                (method, name[:-1], verdict.answer)
                for (method, name), verdict in rows.items()
                if name is not None and name.endswith(ANY_NAME)
            ),
            key=lambda row: len(row[1]),
            reverse=True,
        )
        self._otherwise: Requirement = _NO_RULE if otherwise is None else otherwise.answer
        self._methods = frozenset(method for method, _ in rows)
        self._folded = {method.lower(): method for method in (*self._methods, *NAMED_BY)}
        self._reads_uris = any(method == "resources/read" and name for method, name in rows)

    def policy_for(self, headers: Headers) -> Requirement:
        """Return what the message that the header fields describe must satisfy.

        Returns:
            A policy, `"pass"`, or the refusal. It is `HEADER_MISMATCH` unless the fields describe
            exactly one message of a revision whose servers compare them with the body.
        """
        message = message_of(headers)
        return _MISMATCH if message is None else self.policy_of(message)

    def policy_of(self, message: Message) -> Requirement:
        """Return what a message must satisfy: a policy, `"pass"`, or the refusal."""
        method, name = message
        if self._folded.get(method.lower(), method) != method:
            return _MISMATCH  # a server that ignores the case would run another method
        answer = self._exact.get(message)
        if answer is not None:
            return answer
        if name is not None:
            if method == "resources/read" and self._reads_uris and not is_plain_uri(name):
                return PROBLEMS[Reason.AMBIGUOUS_PATH]
            for of, prefix, found in self._prefixes:
                if method == of and name.startswith(prefix):
                    return found
        if (method, None) in self._exact:
            return self._exact[method, None]
        return _NO_RULE if method in self._methods else self._otherwise

    def entries(self) -> list[tuple[str, str | None, Requirement]]:
        """Return what each row requires, by method and name.

        The name is `*` for every other name of a method, and None for a method without names.
        """
        rows = {key: verdict.answer for key, verdict in self._rows.items()}
        for method, _ in self._rows:
            rows.setdefault((method, None), _NO_RULE)
        return [
            (method, ANY_NAME if name is None and method in NAMED_BY else name, answer)
            for (method, name), answer in rows.items()
        ]

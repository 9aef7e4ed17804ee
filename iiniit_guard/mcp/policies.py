"""The policies of the messages of one MCP server, from the arguments of `guard_mcp`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from iiniit_guard.core.model.policy import Policy, make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import UsageError
from iiniit_guard.rules.mcp_headers import Message, message_of
from iiniit_guard.rules.mcp_rule import method_fault, name_fault
from iiniit_guard.rules.mcp_table import ANY_NAME, MessageTable
from iiniit_guard.rules.rule import Requirement, Verdict

Scopes: TypeAlias = str | Iterable[str]
ByName: TypeAlias = Mapping[str, Scopes]

WITHOUT_MESSAGE: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
"""The HTTP methods whose requests carry no message."""
_OFFLINE: Final = "offline_access"
_ARGUMENTS: Final = {
    "tools": "tools/call",
    "prompts": "prompts/get",
    "resources": "resources/read",
}


class MessagePolicies:
    """What requests and messages must satisfy. These are the `rules` of the middleware.

    Args:
        base: The policy of every request and message without a row.
        table: The policies of messages.
    """

    def __init__(self, base: Policy, table: MessageTable) -> None:
        self._base = base
        self._table = table

    def policy_for(self, request: Request) -> Policy | Problem:
        """Return what a request must satisfy before its body is read.

        If its header fields describe a message, this is the policy of that message, so that the
        first challenge names every scope that the client needs. The message in the body decides in
        any case.
        """
        if request.scheme in ("ws", "wss"):
            return PROBLEMS[Reason.NO_RULE]  # MCP has no WebSocket, whose messages have no body
        message = None if request.method in WITHOUT_MESSAGE else message_of(request.headers)
        answer = self.policy_of(message)
        # The refusal of a faulty message names its identifier, which is in the body.
        is_fault = isinstance(answer, Problem) and answer.reason is not Reason.NO_RULE
        return self._base if is_fault else answer

    def policy_of(self, message: Message | None) -> Policy | Problem:
        """Return what a message must satisfy; None is a response of the client."""
        answer = self._base if message is None else self._table.policy_of(message)
        return answer if isinstance(answer, (Policy, Problem)) else PROBLEMS[Reason.NO_RULE]

    def entries(self) -> list[tuple[str, str | None, Requirement]]:
        """Return what the messages require that are named in an argument of `guard_mcp`."""
        return self._table.entries()


def message_policies(
    scopes: Scopes, by_argument: Mapping[str, ByName | None], faults: list[str]
) -> MessagePolicies:
    """Return the policies.

    Args:
        scopes: Required for every request.
        by_argument: The arguments `tools`, `prompts`, `resources` and `methods`.
        faults: Faults of the arguments are appended here.
    """
    own = _words("scopes", scopes, faults)
    rows: dict[tuple[str, str | None], Verdict] = {}
    for argument, names in by_argument.items():
        if names is None:
            continue
        if not isinstance(names, Mapping) or not names:
            faults.append(f"{argument}: must map names to scopes; leave it out to require scopes")
            continue
        for name, wanted in names.items():
            label = f"{argument}[{name!r}]"
            key, fault = _key(argument, name, by_argument)
            policy = _policy(label, [*own, *_words(label, wanted, faults)], faults)
            if fault is None:
                rows[key] = Verdict(policy, None, False)
            else:
                faults.append(f"{label}: {fault}")
    base = _policy("scopes", own, faults)
    return MessagePolicies(base, MessageTable(rows, Verdict(base, None, False)))


def offline_faults(argument: str, scopes: Iterable[str]) -> list[str]:
    """Return a fault if `scopes` has `offline_access`.

    Spec: MCP 2026-07-28, Authorization, "Refresh Tokens": no requirement of a resource.
    """
    if _OFFLINE not in scopes:
        return []
    return [f"{argument}: must not contain offline_access, which no resource requires; remove it"]


def _key(
    argument: str, name: Any, by_argument: Mapping[str, ByName | None]
) -> tuple[tuple[str, str | None], str | None]:
    """Return the key of a row of the table, and the fault of the name or method."""
    if argument != "methods":
        method = _ARGUMENTS[argument]
        return (method, None if name == ANY_NAME else name), name_fault(name)
    other = next((of for of, method in _ARGUMENTS.items() if method == name), None)
    if other is not None and by_argument[other] is not None:
        return (name, None), f'write it as {other}["*"], because {other} is set too'
    return (name, None), method_fault(name, named=False)


def _words(label: str, scopes: Any, faults: list[str]) -> list[str]:
    words = scopes.split() if isinstance(scopes, str) else scopes
    if not isinstance(words, Iterable):
        faults.append(f"{label}: must be a scope, or several")
        return []
    listed = list(words)
    faults += offline_faults(label, listed)
    return listed


def _policy(label: str, scopes: list[str], faults: list[str]) -> Policy:
    try:
        return make_policy(scopes)
    except UsageError as fault:
        faults.append(f"{label}: {fault}")
        return Policy()

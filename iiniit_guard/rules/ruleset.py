"""Rules: the policy that a request must satisfy, by its method and path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from iiniit_guard.core.model.method_override import query_overrides
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import SettingsError
from iiniit_guard.rules.entry import AMBIGUOUS, NO_PATH, Entry
from iiniit_guard.rules.mcp_headers import Headers
from iiniit_guard.rules.mcp_rule import message_faults
from iiniit_guard.rules.method import effective_method
from iiniit_guard.rules.pattern import PathPattern, parse_pattern
from iiniit_guard.rules.rule import (
    Requirement,
    Rule,
    Verdict,
    label_of,
    methods_of,
    verdict_of,
)
from iiniit_guard.rules.segment import TOO_LONG
from iiniit_guard.rules.target import Reading, is_ambiguous, raw_target, read_target
from iiniit_guard.rules.tree import Tree

_OfEntry: TypeAlias = Callable[[Entry, str], Verdict | None]
_Readings: TypeAlias = tuple[Reading, ...]


class Rules:
    """A policy for each request that a rule matches, and a refusal for every other request.

    The most specific path wins, in any order of the rules: earlier segments count more, text more
    than variables, narrow converters more than wide ones, `<path:…>` least. Only then is the method
    checked. A method that the most specific path does not name is refused; no less specific rule
    applies. A path that two readers could interpret differently is refused with 400.

    Args:
        rules: In any order.
        method_override: `refuse` returns 400 for `X-HTTP-Method-Override` and similar headers.
            `judge` is for an application that runs a POST request with the method that this one
            header names: that method then selects the policy. 400 refuses any other override.
        mcp_headers: `compared` allows rules with `mcp_method`. They decide by header fields, as the
            guard reads no body. The server behind must refuse a message whose fields differ
            from its body, as MCP 2026-07-28 requires. `ignore` allows no such rule.

    Raises:
        SettingsError: With every fault, each naming its rule.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        method_override: Literal["refuse", "judge"] = "refuse",
        mcp_headers: Literal["ignore", "compared"] = "ignore",
    ) -> None:
        self.rules: tuple[Rule, ...] = tuple(rules)
        self.reads_mcp_headers: bool = any(rule.mcp_method is not None for rule in self.rules)
        """Whether an answer depends on the header fields of MCP."""
        self._honour_override = method_override == "judge"
        self._compared = mcp_headers == "compared"
        self._tree: Tree[Entry] = Tree()
        self._plain: dict[str, Entry] = {}
        faults = _argument_faults(method_override, mcp_headers, self.reads_mcp_headers)
        entries: dict[PathPattern, Entry] = {}
        for number, rule in enumerate(self.rules, 1):
            faults.extend(
                f"{label_of(rule, number)}: {fault}"
                for fault in self._add(rule, label_of(rule, number), entries)
            )
        for entry in entries.values():
            entry.finish()
        self._tree.sort()
        faults.extend(self._undecided(entries))
        if faults:
            raise SettingsError(faults)
        self._plain = {
            path: entry
            for entry in entries.values()
            if (path := entry.pattern.plain_path) is not None
        }

    def policy_for(self, request: Request) -> Requirement:
        """Return what a request must satisfy, by the path that the application routes.

        Returns:
            A policy, `"pass"`, or the refusal: `NO_RULE`, `AMBIGUOUS_PATH`, `METHOD_OVERRIDE` or
            `HEADER_MISMATCH`.
        """
        in_query = request.reserved_names.method
        method = effective_method(
            request.method, request.headers, in_query=in_query, honoured=self._honour_override
        )
        if isinstance(method, Problem):
            return method
        read = _read(request)
        return read if isinstance(read, Problem) else self._answer(method, read, request.headers)

    def preflight_policy_for(self, request: Request) -> Requirement | None:
        """Return what a CORS preflight request must satisfy, by the rules that name OPTIONS.

        Of the rules that name OPTIONS itself, the one with the most specific path applies.

        Args:
            request: A preflight request, by `is_preflight`: nothing overrides its method.

        Returns:
            As `policy_for`; None if no rule names OPTIONS. The refusal is `AMBIGUOUS_PATH` also if
            the announced request would get that refusal.
        """
        read = _read(request)
        return read if isinstance(read, Problem) else self._preflight_answer(request, read)

    def preflight_policy_for_target(
        self, request: Request, target: str | bytes
    ) -> Requirement | None:
        """Return what `preflight_policy_for` returns, by the undecoded target, for a gateway."""
        read = read_target(target if isinstance(target, str) else target.decode("latin-1"))
        return (
            PROBLEMS[Reason.AMBIGUOUS_PATH]
            if read is None
            else self._preflight_answer(request, read.readings)
        )

    def policy_for_target(
        self, method: str, target: str | bytes, headers: Headers = ()
    ) -> Requirement:
        """Return what a request must satisfy, by its undecoded target.

        A gateway calls this, because it does not know how the upstream decodes the target.

        Args:
            method: Of the original request.
            target: As the client sent it, with its query.
            headers: Of the original request, list of (name, value), names lower-case.

        Returns:
            As `policy_for`. If a rule allows encoded slashes, every rule that matches either
            reading of the path must allow them and require the same. The answer must also be the
            same for an upstream that does not decode the escapes of characters that need none.
        """
        headers = tuple(headers)
        read = read_target(target if isinstance(target, str) else target.decode("latin-1"))
        if read is None:
            return PROBLEMS[Reason.AMBIGUOUS_PATH]
        judged = effective_method(
            method, headers, in_query=query_overrides(read.query), honoured=self._honour_override
        )
        return (
            judged if isinstance(judged, Problem) else self._answer(judged, read.readings, headers)
        )

    def _preflight_answer(self, request: Request, readings: _Readings) -> Requirement | None:
        verdict = self._judge(request.method, readings, Entry.named)
        if verdict is not NO_PATH:
            return verdict.answer
        announced = (request.header(b"access-control-request-method") or b"").decode("latin-1")
        answer = self._answer(announced, readings, ())
        return (
            answer
            if isinstance(answer, Problem) and answer.reason is Reason.AMBIGUOUS_PATH
            else None
        )

    def _answer(self, method: str, readings: _Readings, headers: Headers) -> Requirement:
        verdict = self._judge(method, readings, Entry.verdict)
        if verdict is NO_PATH and readings[0].kept is not None:
            verdict = AMBIGUOUS
        return verdict.answer_for(headers)

    def _judge(self, method: str, readings: _Readings, of: _OfEntry) -> Verdict:
        verdict = self._judge_reading(method, *readings[0], of)
        for reading in readings[1:]:
            if self._judge_reading(method, *reading, of) != verdict:
                return AMBIGUOUS
        return verdict

    def _judge_reading(self, method: str, path: str, kept: str | None, of: _OfEntry) -> Verdict:
        """Return the verdict for `path`. `kept` is its other form if a slash was encoded."""
        verdict = self._decide(method, path, of)
        if kept is None:
            return verdict
        known = {one for one in (verdict, self._decide(method, kept, of)) if one is not NO_PATH}
        if len(known) == 1:
            (verdict,) = known
            return verdict if verdict.allow_encoded_slash else AMBIGUOUS
        return AMBIGUOUS if known else NO_PATH

    def _decide(self, method: str, path: str, of: _OfEntry) -> Verdict:
        entry = self._plain.get(path)
        if entry is not None and (verdict := of(entry, method)) is not None:
            return verdict
        kept: list[tuple[Verdict, int]] = []
        for entry, doubts in self._tree.find(path):
            if doubts & TOO_LONG:
                return AMBIGUOUS
            # A reader with these doubts has already matched the path with a more specific rule.
            if any(not earlier & ~doubts for _, earlier in kept):
                continue
            verdict = of(entry, method)
            if verdict is None:
                continue
            # A rule that needs no credential matches only exactly. A tolerant reading must not make
            # the path of another route public.
            if not (doubts and verdict.is_open):
                kept.append((verdict, doubts))
            if not doubts:
                break
        if not kept:
            return NO_PATH
        return kept[0][0] if all(verdict == kept[0][0] for verdict, _ in kept) else AMBIGUOUS

    def _add(self, rule: Rule, label: str, entries: dict[PathPattern, Entry]) -> list[str]:
        faults: list[str] = []
        methods = methods_of(rule, faults)
        verdict = verdict_of(rule, faults)
        faults += (messages := message_faults(rule, compared=self._compared))
        pattern = None
        try:
            pattern = parse_pattern(rule.path)
        except ValueError as fault:
            faults.append(f"path: {fault}")
        except TypeError:
            faults.append("path: must be a string")
        if pattern is None or verdict is None or messages:
            return faults
        entry = self._tree.add(pattern, entries.setdefault(pattern, Entry(pattern)))
        for method in methods:
            other = entry.add(rule, method, verdict, label)
            if other is not None:
                faults.append(f"{other} has the same method and path")
        return faults

    def _undecided(self, entries: dict[PathPattern, Entry]) -> list[str]:
        """Return faults for pairs of rules that match the same paths with different verdicts.

        Neither rule of such a pair is more specific.
        """
        faults = []
        done: set[frozenset[int]] = set()
        answered = {pattern.segments for pattern in entries}
        for pattern, entry in entries.items():
            for other in self._tree.overlapping(pattern):
                pair = frozenset((id(entry), id(other)))
                method = None if pair in done else entry.differs(other)
                done.add(pair)
                if (
                    method is None
                    or pattern.is_narrower(other.pattern)
                    or other.pattern.is_narrower(pattern)
                ):
                    continue
                # A rule for exactly the common paths decides for them, and neither of these two
                # rules does.
                if (pattern.overlap(other.pattern), False, ()) in answered - {
                    pattern.segments,
                    other.pattern.segments,
                }:
                    continue
                first, second = (one.label_of(method) for one in (entry, other))
                faults.append(
                    f"{first}: matches the same paths as {second}; neither is more specific, and "
                    "their requirements differ"
                )
        return faults


def _read(request: Request) -> _Readings | Problem:
    """Return the path to match, with its other form if a slash was encoded."""
    # WSGI applications read an empty PATH_INFO as /, others have no route for it.
    path = request.path or "/"
    if is_ambiguous(path):
        return PROBLEMS[Reason.AMBIGUOUS_PATH]
    raw = raw_target(request.native)
    if raw is None:
        return (Reading(path, None),)
    target = read_target(raw)
    if target is None:
        return PROBLEMS[Reason.AMBIGUOUS_PATH]
    return (Reading(path, None if target.readings[0].kept is None else path),)


def _argument_faults(method_override: object, mcp_headers: object, reads_mcp: bool) -> list[str]:
    faults = []
    if method_override not in ("refuse", "judge"):
        faults.append('method_override: "refuse" or "judge"')
    if mcp_headers not in ("ignore", "compared"):
        faults.append('mcp_headers: "ignore" or "compared"')
    if reads_mcp and method_override == "judge":
        faults.append(
            'method_override: with mcp_method it must be "refuse", because an MCP server does not '
            "run another method"
        )
    return faults

"""The rules of one path pattern."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.rules.mcp_table import MessageTable
from iiniit_guard.rules.pattern import PathPattern
from iiniit_guard.rules.rule import ANY_METHOD, Rule, Verdict

NO_PATH: Final = Verdict(PROBLEMS[Reason.NO_RULE], None, False)
NO_METHOD: Final = Verdict(PROBLEMS[Reason.NO_RULE], Reason.NO_RULE, False)
AMBIGUOUS: Final = Verdict(PROBLEMS[Reason.AMBIGUOUS_PATH], Reason.AMBIGUOUS_PATH, False)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """The verdicts of one path pattern, by method.

    Attributes:
        pattern: The pattern.
        verdicts: The verdict of each method that a rule names.
        labels: The label of each rule, by HTTP method, MCP method and MCP name.
        messages: The verdicts of MCP messages by MCP method and name, before `finish`.
    """

    pattern: PathPattern
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    labels: dict[tuple[str, str | None, str | None], str] = field(default_factory=dict)
    messages: dict[tuple[str, str | None], Verdict] = field(default_factory=dict)

    def verdict(self, method: str) -> Verdict:
        """Return the verdict for a method."""
        verdicts = self.verdicts
        return (
            verdicts.get(method)
            or (verdicts.get("GET") if method == "HEAD" else None)
            or verdicts.get(ANY_METHOD)
            or NO_METHOD
        )

    def named(self, method: str) -> Verdict | None:
        """Return the verdict of a rule that names the method itself, or None."""
        return self.verdicts.get(method)

    def differs(self, other: Entry) -> str | None:
        """Return a method for which both entries have rules with different verdicts, or None."""
        for method in sorted({*self.verdicts, *other.verdicts}):
            mine, its = self.verdict(method), other.verdict(method)
            if NO_METHOD not in (mine, its) and mine != its:
                return method
        return None

    def add(self, rule: Rule, method: str, verdict: Verdict, label: str) -> str | None:
        """Add the verdict of a rule for one method. Return the label of another rule for the same.

        Args:
            rule: The rule.
            method: One of its methods.
            verdict: Its verdict.
            label: Its label.
        """
        key = method, rule.mcp_method, rule.mcp_name
        if key in self.labels:
            return self.labels[key]
        self.labels[key] = label
        if rule.mcp_method is None:
            self.verdicts[method] = verdict
        else:
            self.messages[rule.mcp_method, rule.mcp_name] = verdict
        return None

    def label_of(self, method: str) -> str:
        """Return the label of the rule of a method, or of another rule if none names it."""
        return self.labels.get((method, None, None)) or next(iter(self.labels.values()))

    def finish(self) -> None:
        """Join the verdict of POST and those of MCP messages to one verdict of POST."""
        if not self.messages:
            return
        whole = self.verdicts.get("POST")
        rows = [*self.messages.values(), *([] if whole is None else [whole])]
        self.verdicts["POST"] = Verdict(
            PROBLEMS[Reason.HEADER_MISMATCH],
            (None if whole is None else whole.demand, frozenset(self.messages.items())),
            whole is not None and whole.allow_encoded_slash,
            MessageTable(self.messages, whole).policy_for,
            any(row.is_open for row in rows),
        )

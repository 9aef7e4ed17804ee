"""An explanation as text and as JSON. Neither holds the token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from iiniit_guard.cli.explain.explanation import Explanation, Step
from iiniit_guard.cli.printable import fits, folded, printable

_MARKS: Final = {
    "passed": ("✓", "green"),
    "refused": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "not reached": ("·", None),
    "would pass": ("(✓)", "green"),
    "would fail": ("(✗)", "red"),
}


def as_text(explanation: Explanation, settings: str) -> str:
    """Return the explanation for people. The check that refused the token is red on a terminal.

    Args:
        explanation: The explanation.
        settings: Where the settings come from.
    """
    colour = {"accepted": "green", "refused": "red"}.get(explanation.verdict, "yellow")
    answer = "" if explanation.status is None else f" {explanation.status} {explanation.reason}"
    lines = [
        f"settings  {settings}",
        "decision  " + click.style(f"{explanation.verdict}{answer}", fg=colour, bold=True),
        folded(f"          {printable(explanation.summary)}", 10),
    ]
    if explanation.cure is not None:
        lines.append(folded(f"check     {printable(explanation.cure)}", 10))
    width = max(len(_name(step)) for step in explanation.steps)
    lines.append("")
    for step in explanation.steps:
        lines += _lines(step, width)
    if any(step.status.startswith("would") for step in explanation.steps):
        lines += ["", "(✓) (✗)  as if the missing keys had verified the token"]
    token = explanation.token
    if token is not None and explanation.verdict == "accepted":
        who = printable(f"subject={token.subject or '-'} client={token.client_id or '-'}")
        lines += ["", f"The handler receives: {who} scopes={' '.join(sorted(token.scopes)) or '-'}"]
    return "\n".join(lines)


def _lines(step: Step, width: int) -> list[str]:
    mark, colour = _MARKS[step.status]
    name, indent = _name(step).ljust(width), width + 6
    if step.status == "not reached":
        return [click.style(f"{mark:3} {name}  not reached", dim=True)]
    received, expected = printable(step.received), printable(step.expected)
    if step.status in ("refused", "would fail", "unknown"):
        lines = [f"{mark:3} {name}  {received}", f"{'':{indent}}expected: {expected}"]
        text = "\n".join(folded(line, indent) for line in lines)
        return [click.style(text, fg=colour, bold=step.status == "refused")]
    begin = f"{click.style(f'{mark:3}', fg=colour)} {name}  "
    if fits(f"{'':{indent}}{received}  [{expected}]"):
        return [f"{begin}{received}  {click.style(f'[{expected}]', dim=True)}"]
    rest = folded(f"{'':{indent}}{received}", indent)[indent:]
    return [begin + rest, click.style(folded(f"{'':{indent}}[{expected}]", indent + 1), dim=True)]


def _name(step: Step) -> str:
    return f"response: {step.check}" if step.of == "response" else step.check


def as_json(explanation: Explanation) -> Mapping[str, Any]:
    """Return the explanation as a JSON object. The object contains no token."""
    token = explanation.token
    return {
        "verdict": explanation.verdict,
        "status": explanation.status,
        "reason": explanation.reason,
        "summary": explanation.summary,
        "cure": explanation.cure,
        "checks": [
            {
                "check": step.check,
                "of": step.of,
                "status": step.status,
                "received": step.received,
                "expected": step.expected,
            }
            for step in explanation.steps
        ],
        "token": None
        if token is None
        else {
            "issuer": token.issuer,
            "subject": token.subject,
            "client_id": token.client_id,
            "audience": list(token.audience),
            "scopes": sorted(token.scopes),
            "expires_at": token.expires_at,
        },
    }

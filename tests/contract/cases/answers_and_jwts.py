"""Introspection under `profile="rfc9068"` and of JWTs with `cnf` (RFC 7662 §2.2, RFC 7800)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import ALLOWED, Allowed, Case, bad, opaque, token

_INACTIVE: Final = bad(Reason.INACTIVE)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_ASKED: Final = ("discovery", "introspection")


def _of_a_strict_issuer() -> list[Case]:
    """`profile="rfc9068"` constrains JWTs; RFC 7662 §2.2 makes every member optional."""
    rows: list[tuple[str, dict[str, Any]]] = [
        *((f"without {name}", {name: None}) for name in ("sub", "client_id", "iat", "jti", "exp")),
        ("with an empty sub", {"sub": ""}),
        ("with scope as a list", {"scope": ["user:read"]}),
        ("with scp", {"scope": None, "scp": "user:read"}),
    ]
    return [
        Case(
            f"active, rfc9068: {name}",
            "RFC 7662 §2.2 (optional)",
            opaque(**members),
            Allowed(frozenset({"user:read"})),
            settings={"profile": "rfc9068"},
        )
        for name, members in rows
    ]


def _bound_by_themselves() -> list[Case]:
    """The `cnf` of a JWT binds it, also if the answer omits it (RFC 7800 §3.1)."""
    bound = {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}

    def omitting(members: dict[str, Any], **arguments: Any) -> Callable[[Issuer], str]:
        def make(issuer: Issuer) -> str:
            shown = issuer.token(**arguments, **members)
            issuer._known[shown] = {
                name: value for name, value in issuer._known[shown].items() if name not in members
            }
            return shown

        return make

    asked = {"jwt": "introspect"}
    clause = "RFC 7800 §3.1; RFC 9449 §6"
    return [
        Case(
            "asked about: the token has cnf and the answer not",
            clause,
            omitting(bound),
            _CNF,
            settings=asked,
            asked=_ASKED,
        ),
        Case(
            "asked about: cnf null in the token",
            clause,
            omitting({"cnf": {}}),
            _CNF,
            settings=asked,
        ),
        Case(
            "asked about: cnf under an algorithm that is not allowed here",
            clause,
            omitting(bound, header={"alg": "HS256"}),
            _CNF,
            settings=asked,
        ),
        Case(
            "asked about: cnf in the token and in the answer",
            clause,
            token(cnf=bound["cnf"]),
            _CNF,
            settings=asked,
        ),
        Case("asked about: cnf in neither", clause, omitting({}), ALLOWED, settings=asked),
        Case(
            "asked about: cnf inside another claim",
            clause,
            omitting({"act": {"cnf": {}}}),
            ALLOWED,
            settings=asked,
        ),
        Case(
            "asked about: cnf of a token that nobody knows",
            clause,
            lambda issuer: issuer.sign(bound),
            _INACTIVE,
            settings=asked,
        ),
        Case(
            "asked about too: cnf in the token and not in the answer",
            clause,
            omitting(bound),
            _CNF,
            settings={"jwt": "both"},
        ),
    ]


CASES: Final[list[Case]] = [*_of_a_strict_issuer(), *_bound_by_themselves()]

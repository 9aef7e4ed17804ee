"""Rules from an OpenAPI document, whose `security` names the requirements of each operation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from iiniit_guard.errors import SettingsError
from iiniit_guard.rules.rule import Members, Rule
from iiniit_guard.rules.ruleset import Rules

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
# Path Item Object. An operation under another name would have no rule, and a less specific rule
# would decide about it.
_OF_AN_ITEM: Final = frozenset(
    {*METHODS, "$ref", "summary", "description", "servers", "parameters", "additionalOperations"}
)
_BESIDE_REF: Final = frozenset({"$ref", "summary", "description", "parameters"})
_TEMPLATE: Final = re.compile(r"\{([^{}/]+)\}")
# The schemes that a bearer token satisfies. All others require what the guard does not check:
# apiKey, mutualTLS, and http with any other scheme, including DPoP (RFC 9449 §7.1: a resource that
# requires DPoP must not accept the token as a bearer token).
_TOKEN_TYPES: Final = (("oauth2", None), ("openIdConnect", None), ("http", "bearer"))

_ABSENT: Final = object()

Silent = Literal["refuse", "token", "public"]


def from_openapi(
    document: Members,
    *,
    base_path: str | None = None,
    without_security: Silent = "refuse",
    rules: Iterable[Rule] = (),
    method_override: Literal["refuse", "judge"] = "refuse",
    mcp_headers: Literal["ignore", "compared"] = "ignore",
) -> Rules:
    """Return the rules of an OpenAPI 3.x document.

    The alternatives of an operation must be equivalent to a policy: all of some scopes, or one of
    them, or any token, required or optional. `security: []` is public; an alternative `{}` makes
    the token optional.

    Args:
        document: As parsed from JSON or YAML.
        base_path: The prefix of the document's paths in the guarded application; None takes it from
            `servers`.
        without_security: For operations without `security` in the operation and the document, which
            OpenAPI defines as public: a fault (otherwise a forgotten `security` would make them
            public), any token, or public.
        rules: Further rules. A rule with the method and path of an operation replaces it, for
            example if a policy cannot express what the document requires. Their paths include the
            base path.
        method_override: As for `Rules`.
        mcp_headers: As for `Rules`.

    Raises:
        SettingsError: With every fault, each naming its operation.

    Spec: OpenAPI 3.1.1, Security Requirement Object, Server Object, Path Templating.
    """
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        raise SettingsError(["openapi: must be a document of version 3.x"])
    if without_security not in ("refuse", "token", "public"):
        raise SettingsError(['without_security: "refuse", "token" or "public"'])
    reader = _Reader(document, base_path, without_security, [], _replaced(own := tuple(rules)))
    made = [*reader.rules(), *own]
    try:
        result = Rules(made, method_override=method_override, mcp_headers=mcp_headers)
    except SettingsError as error:
        raise SettingsError([*reader.faults, *error.faults]) from None
    if reader.faults:
        raise SettingsError(reader.faults)
    return result


def _replaced(rules: Iterable[Rule]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (method.upper(), _shape(rule.path)) for rule in rules for method in rule.methods
    )


def _shape(path: str) -> str:
    return re.sub("<[^<>]*>", "<>", path)


class _OperationError(ValueError):
    """A fault of one operation."""


@dataclass(frozen=True, slots=True)
class _Reader:
    document: Members
    base_path: str | None
    without_security: Silent
    faults: list[str]
    replaced: frozenset[tuple[str, str]]

    def rules(self) -> Iterator[Rule]:
        for template, written in _mapping(self.document.get("paths")).items():
            if template.startswith("x-"):
                continue
            try:
                item = self._resolve(written)
            except _OperationError as fault:
                self.faults.append(f"openapi {template}: {fault}")
                continue
            self.faults.extend(
                f"openapi {template}: {name!r} is not a member of a path item; write a method in "
                "lower case, and other members with x-"
                for name in item.keys() - _OF_AN_ITEM
                if not str(name).startswith("x-")
            )
            operations = [(key.upper(), item[key]) for key in METHODS if key in item]
            operations += _mapping(item.get("additionalOperations")).items()
            if not operations:
                # Path Item Object: it may be empty because of access restrictions.
                self.faults.append(
                    f"openapi {template}: has no operations, so a less specific rule could decide "
                    "about it; remove it, or describe its operations"
                )
            for method, operation in operations:
                yield from self._operation(method, template, item, operation)

    def _operation(
        self, method: str, template: str, item: Members, written: object
    ) -> Iterator[Rule]:
        label = f"openapi {method} {template}"
        try:
            operation = self._resolve(written)
            servers = (
                operation.get("servers")
                or item.get("servers")
                or self.document.get("servers")
                or [{"url": "/"}]
            )
            bases = (
                {self.base_path.rstrip("/")}
                if self.base_path is not None
                else {base for server in servers for base in _bases(server)}
            )
            paths = [base + _path(template) for base in sorted(bases)]
            wanted = [path for path in paths if (method, _shape(path)) not in self.replaced]
            if not wanted:
                return
            holder = operation if "security" in operation else self.document
            demand = self._demand(holder.get("security", _ABSENT))
        except _OperationError as fault:
            self.faults.append(f"{label}: {fault}")
            return
        for path in wanted:
            yield replace(demand, methods=method, path=path, label=label)

    def _demand(self, security: object) -> Rule:
        if security is _ABSENT and self.without_security != "refuse":
            return Rule("*", "/", public=self.without_security == "public")
        if security is _ABSENT or security is None:
            raise _OperationError(
                "security: neither the operation nor the document has this member, or it is null; "
                "write security: [] for a public operation"
            )
        if not isinstance(security, list) or not all(
            isinstance(requirement, Mapping) for requirement in security
        ):
            raise _OperationError("security: must be a list of objects")
        alternatives = [self._scopes(requirement) for requirement in security]
        if not alternatives or security == [{}]:
            return Rule("*", "/", public=True)
        optional = {} in security
        least = _least(alternatives)
        if optional or least == [()]:
            return Rule("*", "/", optional_token=optional)
        if len(least) == 1:
            return Rule("*", "/", scopes=least[0])
        if all(len(scopes) == 1 for scopes in least):
            return Rule("*", "/", any_scope=tuple(scopes[0] for scopes in least))
        raise _OperationError(
            "security: a policy can require all of some scopes or one of them; write a rule for "
            "this operation"
        )

    def _scopes(self, requirement: Members) -> tuple[str, ...]:
        wanted: list[str] = []
        schemes = _mapping(_mapping(self.document.get("components")).get("securitySchemes"))
        for name, scopes in requirement.items():
            if name not in schemes:
                raise _OperationError(f"security: unknown security scheme {name!r}")
            scheme = self._resolve(schemes[name])
            kind, http = scheme.get("type"), scheme.get("scheme")
            if (
                kind,
                http.lower() if isinstance(http, str) and kind == "http" else None,
            ) not in _TOKEN_TYPES:
                raise _OperationError(
                    f"security: a token does not satisfy the scheme {name!r}; write a rule for "
                    "this operation"
                )
            if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
                raise _OperationError(f"security: the scopes of {name!r} are not a list of strings")
            wanted.extend(scopes)
        return tuple(dict.fromkeys(wanted))

    def _resolve(self, value: Any) -> Members:
        """Resolve local references. A reference loop raises a fault."""
        for _ in range(8):
            if not isinstance(value, Mapping):
                break
            if "$ref" not in value:
                return value
            reference = value["$ref"]
            if any(name not in _BESIDE_REF and not str(name).startswith("x-") for name in value):
                raise _OperationError("a $ref cannot stand beside other members; move them")
            value = (
                self.document if isinstance(reference, str) and reference.startswith("#/") else None
            )
            for part in str(reference)[2:].split("/"):
                value = (
                    value.get(unquote(part).replace("~1", "/").replace("~0", "~"))
                    if isinstance(value, Mapping)
                    else None
                )
        raise _OperationError("a $ref must refer to an existing part of this document")


def _least(alternatives: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the alternatives without those that include another alternative.

    A token that satisfies such an alternative satisfies the other one too.
    """
    sets = [frozenset(scopes) for scopes in alternatives]
    return [
        scopes
        for place, scopes in enumerate(alternatives)
        if not any(
            other < sets[place] or (other == sets[place] and before < place)
            for before, other in enumerate(sets)
        )
    ]


def _mapping(value: object) -> Members:
    """Return `value` if it is an object, otherwise an empty mapping.

    A missing or invalid object adds no rule, so it makes nothing public.
    """
    return value if isinstance(value, Mapping) else {}


def _bases(server: object) -> Iterator[str]:
    """Return the path of a server's URL, for each value of its variables."""
    url, variables = (
        str(_mapping(server).get("url", "/")),
        _mapping(_mapping(server).get("variables")),
    )
    names = _TEMPLATE.findall(url)
    choices = []
    for name in names:
        variable = _mapping(variables.get(name))
        values = variable.get("enum") or ([variable["default"]] if "default" in variable else [])
        if not values:
            raise _OperationError(f"servers: the variable {name!r} has neither enum nor default")
        choices.append(values)
    for values in product(*choices):
        texts = iter(values)
        path = urlsplit(_TEMPLATE.sub(lambda _: str(next(texts)), url)).path  # noqa: B023  # used up before the next turn
        if path and not path.startswith("/"):
            raise _OperationError("servers: the path of a relative URL is unknown; set base_path")
        yield _plain(path).rstrip("/")


def _path(template: str) -> str:
    if not template.startswith("/"):
        raise _OperationError("a path must begin with /")
    pieces = _TEMPLATE.split(template)
    return "".join(
        _plain(piece) if place % 2 == 0 else f"<v{place}>" for place, piece in enumerate(pieces)
    )


def _plain(text: str) -> str:
    """Return a text of a path decoded. A rule would take < and > for a variable."""
    decoded = unquote(text)
    if "<" in decoded or ">" in decoded:
        raise _OperationError("a path with < or > is not supported")
    return decoded

"""Guard an MCP server in one call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from iiniit_guard.adapting.admission import engine_of
from iiniit_guard.adapting.types import Application, Receive, Scope, Send
from iiniit_guard.asgi import GuardMiddleware, refuse
from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.model.decision import Response
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.model.request import Request, request_from_scope
from iiniit_guard.core.resource import WELL_KNOWN
from iiniit_guard.core.settings.guard_settings import GuardSettings
from iiniit_guard.engine import Engine
from iiniit_guard.errors import SettingsError
from iiniit_guard.mcp.message_check import HOST, MessageCheck
from iiniit_guard.mcp.message_limits import MAX_VALUES
from iiniit_guard.mcp.policies import ByName, Scopes, message_policies, offline_faults

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
# RFC 6454 §6.2, as browsers write it: in lower case, without a path.
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.\-]*://[a-z0-9.\-_\[\]:]+")


def guard_mcp(
    app: Application,
    guard: Guard,
    *,
    scopes: Scopes = (),
    tools: ByName | None = None,
    prompts: ByName | None = None,
    resources: ByName | None = None,
    methods: ByName | None = None,
    allowed_origins: Iterable[str] = (),
    public: Iterable[str] = (),
    only: Iterable[str] | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    max_values: int = MAX_VALUES,
) -> Application:
    """Return an application that lets requests reach an MCP server only with a valid access token.

    Every path of the application is guarded, and every POST request must carry one JSON-RPC
    message. The metadata of the resource is served at its own path and at the root.

    Args:
        app: The server: `streamable_http_app()` of the official SDK, `http_app()` of fastmcp, or an
            application that has one of them inside.
        guard: The guard that checks the tokens. Its setting `resource` must be the URL of the MCP
            endpoint, which clients request as the audience of their tokens.
        scopes: Required for every request: one string with spaces, or several.
        tools: By name of a tool, the scopes that a call requires in addition. A name may end with
            `*`, which matches any rest; `*` alone is every other tool. A tool that no name matches
            is refused. None requires only `scopes` for every tool.
        prompts: The same for prompts.
        resources: The same for resources, by URI.
        methods: By JSON-RPC method, the scopes that a message requires in addition. A method
            without an entry requires `scopes`.
        allowed_origins: The origins of web pages that may call the server, such as
            `https://app.example`. The origin of the resource itself is always allowed.
        public: As for `GuardMiddleware`: complete paths that pass without a token.
        only: As for `GuardMiddleware`: the paths to guard, if the application is more than the
            server. Every other path passes.
        max_body_bytes: The limit of a message. Its body is read before the server runs.
        max_values: The limit of the members and items of a message, at all levels. The guard parses
            the message in the event loop, and each of them takes about a microsecond.

    Raises:
        SettingsError: An argument is invalid, or a setting of the guard contradicts the MCP
            specification. The exception lists every fault.

    Spec: MCP 2026-07-28, Authorization and Streamable HTTP.
    """
    engine = engine_of(guard)
    faults = _guard_faults(engine.resource.settings)
    by_argument = {
        "tools": tools,
        "prompts": prompts,
        "resources": resources,
        "methods": methods,
    }
    policies = message_policies(scopes, by_argument, faults)
    origins = _origins(allowed_origins, engine.resource.settings.resource, faults)
    limits = {"max_body_bytes": max_body_bytes, "max_values": max_values}
    for name, limit in limits.items():
        fault = check.count(limit)
        faults += [f"{name}: {fault}"] if fault else []
    try:
        guarded = GuardMiddleware(
            MessageCheck(app, engine, policies, max_body_bytes, max_values),
            guard,
            public=public,
            only=only,
            rules=policies,
        )
    except SettingsError as error:
        raise SettingsError([*faults, *error.faults]) from None
    if faults:
        raise SettingsError(faults)
    return _Entrance(guarded, engine, origins)


class _Entrance:
    """The outermost part: it serves the metadata and checks the origin."""

    def __init__(self, guarded: GuardMiddleware, engine: Engine, origins: frozenset[bytes]) -> None:
        self.app = guarded
        self._engine = engine
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it to the middleware."""
        if scope["type"] in ("http", "websocket"):
            response = self._answer(request_from_scope(scope))
            if response is not None:
                await refuse(scope, receive, send, response)
                return
        await self.app(scope, receive, send)

    def _answer(self, request: Request) -> Response | None:
        # A client that cannot read the challenge tries the path of the resource, then the root.
        at_root = request.path == WELL_KNOWN
        path = (self._engine.metadata_path or WELL_KNOWN) if at_root else request.path
        metadata = self._engine.metadata_response(replace(request, path=path))
        if metadata is not None or self.app.admission.is_open(request):
            return metadata
        sent = request.header_values(b"origin")
        if not sent or (len(sent) == 1 and sent[0] in self._origins):
            return None
        return self._engine.refuse(request, PROBLEMS[Reason.FOREIGN_ORIGIN], host=HOST)


def _guard_faults(settings: GuardSettings) -> list[str]:
    """Return the settings of a guard that an MCP server must not have."""
    faults = offline_faults("resource_scopes", settings.resource_scopes)
    if settings.resource is None:
        faults.append(
            "resource: required for an MCP server; set it to the URL of its endpoint, which is the "
            "audience of its tokens"
        )
    if not isinstance(settings.issuers, tuple):
        return [
            *faults,
            "issuers: must be a list for an MCP server, because its metadata must name them",
        ]
    faults += [
        f"insecure_accept_missing_audience: {issuer.issuer} must name the audience of each token "
        "for an MCP server; remove the setting"
        for issuer in settings.issuers
        if issuer.insecure_accept_missing_audience
    ]
    if settings.insecure_query_token:
        faults.append(
            "insecure_query_token: an MCP server must not accept tokens in the query; remove it"
        )
    return faults


def _origins(allowed: Iterable[str], resource: str | None, faults: list[str]) -> frozenset[bytes]:
    listed = [allowed] if isinstance(allowed, str) else list(allowed)
    faults += [
        f"allowed_origins: {origin!r} is not an origin; write one such as https://app.example, in "
        "lower case and without a path"
        for origin in listed
        if not isinstance(origin, str) or _ORIGIN.fullmatch(origin) is None
    ]
    own = urlsplit(resource or "")
    return frozenset(
        str(origin).encode("utf-8") for origin in [*listed, f"{own.scheme}://{own.netloc}".lower()]
    )

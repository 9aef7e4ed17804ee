"""The decision that every middleware makes about a request before any handler runs."""

from __future__ import annotations

import logging
from typing import Final

from iiniit_guard.adapting.admission import PASS, Admission
from iiniit_guard.adapting.preflight import is_preflight
from iiniit_guard.adapting.types import ReadState
from iiniit_guard.core.decide import Unfinished
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Decision, Response
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request, environ_path, request_from_environ
from iiniit_guard.core.presented import Presented
from iiniit_guard.engine import Engine
from iiniit_guard.errors import UsageError

_log: Final = logging.getLogger("iiniit_guard")
_PASSED: Final = Allow(None)


def admit(
    engine: Engine,
    admission: Admission,
    request: Request,
    host: str,
    handler: Policy | None = None,
    *,
    host_answers: bool = False,
) -> Decision | Response:
    """Decide about a request before any handler of the application runs.

    Args:
        engine: Checks credentials.
        admission: Decides which requests need credentials.
        request: The request that the middleware received.
        host: The name of the adapter, for events.
        handler: The policy of the handler that will run; None if it is unknown. It replaces the
            policy of the admission settings, but not the policy of a rule.
        host_answers: As for `Admission.policy_for`.

    Returns:
        `Allow`, or the response to send: a refusal, or the metadata of this resource (RFC 9728).
    """
    answer = engine.metadata_response(request)
    if answer is not None:
        return answer
    requirement = _requirement_for(admission, request, handler, host_answers)
    return (
        _PASSED
        if requirement is None
        else _hinted(admission, request, engine.authenticate(request, requirement, host=host))
    )


def admit_again(
    engine: Engine, admission: Admission, request: Request, host: str, handler: Policy | None = None
) -> Decision | None:
    """Decide about a request that passed without a token, because another handler runs.

    A public path is public only for the handler that the framework found for it.

    Returns:
        The decision; None if requests pass without one.
    """
    asked = admission.policy_for(request)
    if asked == PASS:
        if admission.enforce == "declared" or admission.passes_as_preflight(request):
            return None
        asked = admission.policy
    if handler is not None and admission.rules is None:
        asked = handler
    return engine.authenticate(request, asked, host=host)


async def admit_async(
    engine: Engine,
    admission: Admission,
    request: Request,
    host: str,
    *,
    host_answers: bool = False,
) -> Decision | Response:
    """Asynchronous version of `admit`."""
    answer = engine.metadata_response(request)
    if answer is not None:
        return answer
    requirement = _requirement_for(admission, request, None, host_answers)
    return (
        _PASSED
        if requirement is None
        else _hinted(
            admission, request, await engine.authenticate_async(request, requirement, host=host)
        )
    )


def _hinted(admission: Admission, request: Request, decision: Decision) -> Decision:
    """Log a hint about a refused CORS preflight, once for each middleware.

    The browser shows the developer only a CORS error, which does not name the cause.
    """
    if (
        admission.preflights == "auto"
        and not isinstance(decision, Allow)
        and not admission.hinted
        and is_preflight(request)
    ):
        admission.hinted.append(True)
        _log.warning(
            "a CORS preflight (OPTIONS without a token) was refused: put the CORS middleware "
            "outside the guard, so that it answers "
            'preflights, or set preflights="pass" if no handler may do harm when it runs for '
            "OPTIONS without a token"
        )
    return decision


def _requirement_for(
    admission: Admission, request: Request, handler: Policy | None, host_answers: bool
) -> Policy | Problem | None:
    asked = admission.policy_for(request, host_answers=host_answers)
    if isinstance(asked, Policy):
        return asked if handler is None or admission.rules is not None else handler
    if isinstance(asked, Problem):
        return asked
    if asked == PASS:
        return None
    raise UsageError("policy_for() of the rules must return a Policy, a Problem or PASS")


def begin_environ(
    engine: Engine,
    admission: Admission,
    environ: ReadState,
    host: str,
    requirement: Policy = ANY_TOKEN,
) -> AccessToken | Unfinished | None:
    """Decide about a WSGI request on the fast path: without creating a `Request` and without I/O.

    The fast path applies to requests for which any valid token suffices.

    Args:
        engine: Has the token cache.
        admission: Decides which requests need a token.
        environ: The request that the middleware received.
        host: The name of the adapter, for events.
        requirement: The policy of the handler that will run; any token suffices if it is unknown.

    Returns:
        The token, if the request is admitted. None if the fast path does not apply; the caller must
        then call `admit`. Otherwise an `Unfinished`, which the caller must pass to `Engine.finish`
        with `requirement`. If any token suffices, the caller passes the policy of `admission`.
    """
    authorization = environ.get("HTTP_AUTHORIZATION")
    if authorization is None or not admission.wants_any_token:
        return None
    if (admission.has_public_paths or engine.metadata_path is not None) and is_exception(
        engine, admission, environ_path(environ)
    ):
        return None
    query = environ.get("QUERY_STRING")
    encoded = query.encode("latin-1", "replace") if query else b""
    field = authorization.encode("latin-1", "replace")
    return engine.begin(Presented(field, encoded, request_from_environ, environ, host), requirement)


def is_exception(engine: Engine, admission: Admission, path: str) -> bool:
    """Return whether the decoded `path` is public or the path of the resource's metadata."""
    return admission.is_public(path) or path == engine.metadata_path

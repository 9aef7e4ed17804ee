"""The place in a request from which the guard took an accepted access token."""

from __future__ import annotations

from dataclasses import replace

from iiniit_guard.core.http.bearer import AUTHORIZATION, BEARER, Credential, credential_of
from iiniit_guard.core.model.request import Request
from iiniit_guard.engine import Engine


def came_in_authorization(engine: Engine, request: Request) -> bool:
    """Return whether the accepted access token of `request` came in `Authorization: Bearer`.

    The guard accepts one credential of a request and refuses it if there are more. Therefore a
    bearer token in `Authorization` is the accepted one, unless the guard reads another field.

    Args:
        engine: Accepted an access token for `request`.
        request: The request as the middleware received it.
    """
    resource = engine.resource
    if resource.takes_assertions or resource.token_field != AUTHORIZATION:
        return False
    longest = resource.settings.max_token_bytes
    found = credential_of(replace(request, query=b""), frozenset({BEARER}), longest)
    return isinstance(found, Credential)

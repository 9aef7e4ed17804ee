"""An adapter for applications that are written with Werkzeug alone, without Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map
from werkzeug.wrappers import Request, Response

from iiniit_guard import AccessToken, Allow, Guard, Policy, request_from_environ

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

View = Callable[..., Response]


class GuardedSite:
    """A WSGI application in which every request needs a token.

    Args:
        guard: The guard that decides. The caller closes it when the process ends.
        routes: The URL map. The endpoint of each rule is a key of `views`.
        views: The views. Each gets the request, the token, and the variables of the URL.
        policies: The policies of the views that require more than a valid token.
    """

    def __init__(
        self, guard: Guard, routes: Map, views: Mapping[str, View], policies: Mapping[str, Policy]
    ) -> None:
        if unknown := policies.keys() - views.keys():  # a policy that no request would meet
            raise ValueError(f"policies: no view is named {', '.join(sorted(unknown))}")
        self.guard, self.routes, self.views, self.policies = guard, routes, views, policies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> WSGIApplication:
        try:
            endpoint, variables = self.routes.bind_to_environ(request.environ).match()
            view: View = partial(self.views[endpoint], **variables)
            policy = self.policies.get(endpoint, Policy())
        except HTTPException as error:  # 404 or 405, for callers with a valid token only
            view, policy = partial(_fail, error), Policy()
        guarded = request_from_environ(request.environ)
        decision = self.guard.authenticate(guarded, policy, host="werkzeug")
        if not isinstance(decision, Allow):  # a Deny or an Unavailable: a complete response
            return Response([decision.body], decision.status, list(decision.headers))
        try:
            return view(request, decision.token)
        except HTTPException as error:
            return error


def _fail(error: HTTPException, request: Request, token: AccessToken | None) -> NoReturn:
    raise error

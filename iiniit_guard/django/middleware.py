"""The middleware: asks every request for a token, before any view and any middleware below it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, get_resolver

from iiniit_guard.adapting.admission import Gate
from iiniit_guard.adapting.decorators import any_public, is_public, policies_of
from iiniit_guard.adapting.middleware import admit, admit_async
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.decision import Allow, Answer
from iiniit_guard.django.decorators import HOST
from iiniit_guard.django.settings import load
from iiniit_guard.django.state import note, read_request, recall, response_to
from iiniit_guard.guard import Guard

_log: Final = logging.getLogger("iiniit_guard")
_PASSED: Final = Allow(None)
_NO_CONTENT: Final = Answer(204, (), b"")

MIDDLEWARE: Final = "iiniit_guard.django.GuardMiddleware"


class GuardMiddleware:
    """Let a request go on only with a valid access token, which is then `request.access_token`.

    The request is asked here, before any middleware below could answer it or act on it, and whether or not a URL fits. The one
    question that is open here is which view will run, and whether that is `@public`. It is answered by resolving the path as
    Django will; whoever makes Django run another view after all (another middleware that sets `request.urlconf`, a language, the
    path or the method) meets `process_view`, which asks then; and a middleware that answers a public view's path by itself has
    its answer withheld, unless the request has a token. So a wrong guess costs a refusal, never a pass.

    A CORS preflight passes without a token (`preflights="pass"`), but Django runs a view whatever the method. So a preflight that would
    reach a view which is neither decorated nor `@public` is answered here with 204 and no body, and the view, with a class view's
    `options()`, does not run; a CORS middleware, inside or outside, has answered it before. Where rules name OPTIONS for the path they are
    obeyed, and the view runs. Whoever wants views to see OPTIONS sets `preflights="guard"`, and a token is asked for.

    Raises:
        SettingsError: `settings.IINIIT_GUARD` is missing or has faults; every one of them is named.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.guard: Guard
        self.gate: Gate
        self.guard, self.gate = load()
        self._asynchronous = iscoroutinefunction(get_response)
        if self._asynchronous:
            markcoroutinefunction(self)
        # Under ASGI Django would push a synchronous one into a thread.
        self.process_view: Callable[..., Any] = self._process_view_async if self._asynchronous else self._process_view
        if cors_is_inside():
            _log.warning("the CORS middleware is inside the guard: refusals will not reach scripts of other origins; put it above")

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer the request, or hand it on."""
        if self._asynchronous:
            return self._call_async(request)
        guessed = _leads_to_public_view(request)
        decision = _PASSED if guessed else self._ask(request)
        if not isinstance(decision, (AccessToken, Allow)):
            return response_to(decision)
        entry = self._enter(request, decision, guessed)
        response = self.get_response(request)
        return self._kept(self._ask(request), response) if entry.withhold else response

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        guessed = _leads_to_public_view(request)
        decision = _PASSED if guessed else await self._ask_async(request)
        if not isinstance(decision, (AccessToken, Allow)):
            return response_to(decision)
        entry = self._enter(request, decision, guessed)
        response = await self.get_response(request)
        return self._kept(await self._ask_async(request), response) if entry.withhold else response

    def _ask(self, request: HttpRequest) -> AccessToken | Allow | Answer:
        said = recall(self.guard, self.gate, request, HOST)
        return said if isinstance(said, AccessToken) else admit(self.guard, self.gate, read_request(request), HOST, found=said)

    async def _ask_async(self, request: HttpRequest) -> AccessToken | Allow | Answer:
        said = recall(self.guard, self.gate, request, HOST)
        return said if isinstance(said, AccessToken) else await admit_async(self.guard, self.gate, read_request(request), HOST, found=said)

    def _note(self, request: HttpRequest, decision: AccessToken | Allow) -> None:
        if isinstance(decision, AccessToken):
            note(request, self.guard, decision, None)
        else:
            note(request, self.guard, decision.token, decision.principal)

    def _enter(self, request: HttpRequest, decision: AccessToken | Allow, guessed: bool) -> _Entry:
        self._note(request, decision)
        request._iiniit_guard_entry = entry = _Entry(request.path_info, request.method, guessed)
        return entry

    @staticmethod
    def _kept(decision: AccessToken | Allow | Answer, response: HttpResponse) -> HttpResponse:
        if not isinstance(decision, (AccessToken, Allow)):
            response.close()
            return response_to(decision)
        return response

    def _process_view(self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object) -> HttpResponse | None:
        """Ask once more where what was decided about is not what will run."""
        refusal = None if request._iiniit_guard_entry.fits(request, view) else self._settle(request, self._ask(request))
        return self._in_place_of(request, view) if refusal is None else refusal

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponse | None:
        refusal = None if request._iiniit_guard_entry.fits(request, view) else self._settle(request, await self._ask_async(request))
        return self._in_place_of(request, view) if refusal is None else refusal

    def _settle(self, request: HttpRequest, decision: AccessToken | Allow | Answer) -> HttpResponse | None:
        if not isinstance(decision, (AccessToken, Allow)):
            return response_to(decision)
        self._note(request, decision)
        return None

    def _in_place_of(self, request: HttpRequest, view: Callable[..., Any]) -> HttpResponse | None:
        """Answer a preflight in place of a view that would run for it unasked."""
        if request.method != "OPTIONS" or is_public(view) or policies_of(view):
            return None
        return response_to(_NO_CONTENT) if self.gate.passes_as_preflight(read_request(request)) else None


class _Entry:
    """What a request was let in for.

    Attributes:
        unasked: It was let in unasked, since its view seemed to be public. That stays so: middleware may run several views.
        withhold: It was let in unasked, and no view has run so far that stands for the answer.
    """

    __slots__ = ("_method", "_path", "unasked", "withhold")

    def __init__(self, path: str, method: str, guessed: bool) -> None:
        self._path = path
        self._method = method
        self.unasked = self.withhold = guessed

    def fits(self, request: HttpRequest, view: Callable[..., Any]) -> bool:
        """Tell, now that the view is known, whether it may run on what was decided at the entry."""
        self.withhold = False
        return is_public(view) or (not self.unasked and request.path_info == self._path and request.method == self._method)


def _leads_to_public_view(request: HttpRequest) -> bool:
    resolver = get_resolver(getattr(request, "urlconf", None))
    # Looking at the patterns imports the views, and with them every use of @public; without any, nothing is resolved twice.
    if not resolver.url_patterns or not any_public():
        return False
    try:
        return is_public(resolver.resolve(request.path_info).func)
    except Resolver404:
        return False


def cors_is_inside() -> bool:
    """Tell whether a CORS middleware stands below the guard's."""
    names = list(getattr(settings, "MIDDLEWARE", ()))
    below = names[names.index(MIDDLEWARE) + 1 :] if MIDDLEWARE in names else []
    return any("cors" in name.rpartition(".")[2].lower() for name in below)

"""The middleware: asks every request for a token, before any view and any middleware below it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver

from iiniit_guard.adapting.admission import Gate
from iiniit_guard.adapting.decorators import any_public, is_public, policies_of
from iiniit_guard.adapting.middleware import admit, admit_async
from iiniit_guard.adapting.request_state import RefusalRecord, record_refusal, recorded_refusal
from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.decision import Allow, Answer, Refusal
from iiniit_guard.django.decorators import HOST
from iiniit_guard.django.middleware_order import cors_answers_below, cors_is_inside
from iiniit_guard.django.responses import RequestRefused, abort_when_refused, replacement, response_to
from iiniit_guard.django.settings import load
from iiniit_guard.django.state import note, read_request, recall, state_of
from iiniit_guard.guard import Guard

_log: Final = logging.getLogger("iiniit_guard")
_PASSED: Final = Allow(None)
_NO_CONTENT: Final = Answer(204, (), b"")


class GuardMiddleware:
    """Let a request go on only with a valid access token, which is then `request.access_token`.

    The request is asked here, before any middleware below could answer it or act on it, and whether or not a URL fits. The one
    question that is open here is which view will run, and whether that is `@public`. It is answered by resolving the path as
    Django will; whoever makes Django run another view after all (another middleware that sets `request.urlconf`, a language, the
    path or the method) meets `process_view`, which asks then; and a middleware that answers a public view's path by itself has
    its answer withheld, unless the request has a token. So a wrong guess costs a refusal, never a pass.

    A decorator that refuses raises an exception and records its refusal. Whatever response then comes from below (of an exception handler,
    of `handler403`, of a framework on top of Django) is replaced by the refusal; a streaming response that has begun is aborted.

    A CORS preflight passes without a token only where no view can run for it: where the middleware of django-cors-headers stands below, or
    with `preflights="pass"`. Django runs a view whatever the method. So a preflight that would reach a view which is neither decorated nor
    `@public` is answered here with 204 and no body, and the view, with a class view's `options()`, does not run. Where rules name OPTIONS
    for the path they are obeyed, and the view runs. With `preflights="guard"` every preflight needs a token.

    Other packages may wrap this middleware and its hooks in plain functions. If such a wrapper hides `process_view` from Django, no view
    counts as `@public`, no preflight passes, and a response is withheld if the path or method changed below.

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
        self._gate_without_hook = replace(self.gate, preflights="guard")
        self._asynchronous = iscoroutinefunction(get_response)
        self._hook: Callable[..., Any] = self._process_view
        if self._asynchronous:
            markcoroutinefunction(self)
            self._hook = self._hook_of_either_kind()
        self._hooked = type(self).process_view is not GuardMiddleware.process_view
        self._cors_answers = cors_answers_below(type(self))
        if cors_is_inside(type(self)):
            _log.warning("the CORS middleware is inside the guard: refusals will not reach scripts of other origins; put it above")

    @property
    def process_view(self) -> Callable[..., Any]:
        """The hook that Django calls when it knows the view. Reading it means that Django, or what wraps this middleware, found it."""
        self._hooked = True
        return self._hook

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a decorator's exception, so that Django logs a refusal and no traceback."""
        refusal = recorded_refusal(state_of(request))
        return response_to(refusal) if isinstance(exception, RequestRefused) and refusal is not None else None

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer the request, or hand it on."""
        if self._asynchronous:
            return self._call_async(request)
        guessed = self._hooked and _leads_to_public_view(request)
        entry = self._enter(request, _PASSED if guessed else self._ask(request), guessed)
        if not isinstance(entry, _Entry):
            return entry
        try:
            response = self.get_response(request)
        except Exception:
            if entry.record.refusal is None:
                raise
            return response_to(entry.record.refusal)
        if not isinstance(response, HttpResponseBase) and isawaitable(response):
            return self._finish_async(request, entry, response)  # a wrapper below hides that it is asynchronous
        return _finished(entry, response, self._ask(request) if self._must_ask_again(entry, request) else None)

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        guessed = self._hooked and _leads_to_public_view(request)
        entry = self._enter(request, _PASSED if guessed else await self._ask_async(request), guessed)
        return await self._finish_async(request, entry, self.get_response(request)) if isinstance(entry, _Entry) else entry

    async def _finish_async(self, request: HttpRequest, entry: _Entry, coming: Awaitable[HttpResponse]) -> HttpResponse:
        try:
            response = await coming
        except Exception:
            if entry.record.refusal is None:
                raise
            return response_to(entry.record.refusal)
        return _finished(entry, response, await self._ask_async(request) if self._must_ask_again(entry, request) else None)

    def _ask(self, request: HttpRequest) -> AccessToken | Allow | Answer:
        gate, answers = self._admission()
        said = recall(self.guard, gate, request, HOST)
        return (
            said
            if isinstance(said, AccessToken)
            else admit(self.guard, gate, read_request(request), HOST, found=said, host_answers=answers)
        )

    async def _ask_async(self, request: HttpRequest) -> AccessToken | Allow | Answer:
        gate, answers = self._admission()
        said = recall(self.guard, gate, request, HOST)
        if isinstance(said, AccessToken):
            return said
        return await admit_async(self.guard, gate, read_request(request), HOST, found=said, host_answers=answers)

    def _admission(self) -> tuple[Gate, bool]:
        """Return which requests pass, and whether something other than a view answers preflights."""
        return (self.gate, self._cors_answers) if self._hooked else (self._gate_without_hook, False)

    def _note(self, request: HttpRequest, decision: AccessToken | Allow) -> RefusalRecord:
        if isinstance(decision, AccessToken):
            return note(request, self.guard, decision, None)
        return note(request, self.guard, decision.token, decision.principal)

    def _enter(self, request: HttpRequest, decision: AccessToken | Allow | Answer, guessed: bool) -> _Entry | HttpResponse:
        if not isinstance(decision, (AccessToken, Allow)):
            return response_to(decision)
        record = self._note(request, decision)
        request._iiniit_guard_entry = entry = _Entry(request.path_info, request.method, guessed, record)
        return entry

    def _must_ask_again(self, entry: _Entry, request: HttpRequest) -> bool:
        return entry.record.refusal is None and (entry.withhold or (not self._hooked and entry.is_elsewhere(request)))

    def _process_view(self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object) -> HttpResponse | None:
        """Ask once more where what was decided about is not what will run."""
        fits = request._iiniit_guard_entry.fits(request, view)
        return self._settle(request, view, None if fits else self._ask(request))

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponse | None:
        fits = request._iiniit_guard_entry.fits(request, view)
        return self._settle(request, view, None if fits else await self._ask_async(request))

    def _hook_of_either_kind(self) -> Callable[..., Any]:
        """Return a hook that is marked asynchronous, and that also works where a wrapper hides the mark.

        Django awaits a marked hook on the event loop. It runs another one in a thread, which has no event loop, and takes what it returns
        for the response.
        """

        def process_view(request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object) -> Any:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return self._process_view(request, view, args, kwargs)
            return self._process_view_async(request, view, args, kwargs)

        return markcoroutinefunction(process_view)

    def _settle(self, request: HttpRequest, view: Callable[..., Any], decision: AccessToken | Allow | Answer | None) -> HttpResponse | None:
        if isinstance(decision, Answer):
            if isinstance(decision, Refusal):
                record_refusal(state_of(request), decision)
            return response_to(decision)
        if decision is not None:
            self._note(request, decision)
        return self._in_place_of(request, view)

    def _in_place_of(self, request: HttpRequest, view: Callable[..., Any]) -> HttpResponse | None:
        """Answer a preflight in place of a view that would run for it unasked."""
        if request.method != "OPTIONS" or is_public(view) or policies_of(view):
            return None
        gate, answers = self._admission()
        return response_to(_NO_CONTENT) if gate.passes_as_preflight(read_request(request), host_answers=answers) else None


class _Entry:
    """What a request was let in for.

    Attributes:
        record: Where decorators of this request record a refusal.
        unasked: It was let in unasked, since its view seemed to be public. That stays so: middleware may run several views.
        withhold: It was let in unasked, and no view has run so far that stands for the answer.
    """

    __slots__ = ("_method", "_path", "record", "unasked", "withhold")

    def __init__(self, path: str, method: str, guessed: bool, record: RefusalRecord) -> None:
        self._path = path
        self._method = method
        self.record = record
        self.unasked = self.withhold = guessed

    def fits(self, request: HttpRequest, view: Callable[..., Any]) -> bool:
        """Tell, now that the view is known, whether it may run on what was decided at the entry."""
        self.withhold = False
        return is_public(view) or (not self.unasked and not self.is_elsewhere(request))

    def is_elsewhere(self, request: HttpRequest) -> bool:
        """Tell whether the path or the method changed since the entry."""
        changed: bool = request.path_info != self._path or request.method != self._method
        return changed


def _finished(entry: _Entry, response: HttpResponse, decision: AccessToken | Allow | Answer | None) -> HttpResponse:
    """Return the response that goes up: a refusal in place of what came from below, or that."""
    answer = entry.record.refusal or decision
    if isinstance(answer, Answer):
        return replacement(answer, response)
    if getattr(response, "streaming", False):
        abort_when_refused(response, entry.record)
    return response


def _leads_to_public_view(request: HttpRequest) -> bool:
    resolver = get_resolver(getattr(request, "urlconf", None))
    # Looking at the patterns imports the views, and with them every use of @public; without any, nothing is resolved twice.
    if not resolver.url_patterns or not any_public():
        return False
    try:
        return is_public(resolver.resolve(request.path_info).func)
    except Resolver404:
        return False

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
from iiniit_guard.adapting.decorators import any_public, is_public
from iiniit_guard.adapting.middleware import admit, admit_async
from iiniit_guard.adapting.request_state import record_refusal, recorded_refusal
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow, Answer, Refusal
from iiniit_guard.django.admission import Admission
from iiniit_guard.django.decorators import HOST
from iiniit_guard.django.middleware_order import cors_answers_below, cors_is_inside
from iiniit_guard.django.responses import RequestRefused, response_to
from iiniit_guard.django.settings import load
from iiniit_guard.django.state import has_credential, new_record, note, read_request, recall, state_of
from iiniit_guard.guard import Guard

_log: Final = logging.getLogger("iiniit_guard")
_PASSED: Final = Allow(None)


class GuardMiddleware:
    """Let a request go on only with a valid access token, which is then `request.access_token`.

    The middleware decides before any middleware below can answer the request or act on it. It does not know yet which view will run, so it
    resolves the path as Django will: if that leads to a `@public` view, the request goes on without a decision. `process_view` decides
    when Django has found another view (because middleware below changed `request.urlconf`, the language, the path or the method). A
    response that middleware below made by itself in place of a `@public` view goes up only if the request has a token, or if a cache stored
    it when a `@public` view made it.

    A decorator that refuses raises an exception and records its refusal. Whatever response then comes from below (of an exception handler,
    of `handler403`, of a framework on top of Django) is replaced by the refusal; a streaming response that has begun is aborted.

    A CORS preflight passes without a token only where no view can run for it: where the middleware of django-cors-headers stands below, or
    with `preflights="pass"`. Django runs a view whatever the method. So the middleware answers a preflight that would reach a view which is
    neither decorated nor `@public` with 204, and the view, with a class view's `options()`, does not run. Of every response that other code
    below makes for such a preflight (a handler of 404, middleware) only the CORS header fields and `Vary` go up, without content. What was
    decided when the preflight entered stays, whatever header fields middleware below changes. If rules name OPTIONS for the path, they
    decide, and the view runs. With `preflights="guard"` every preflight needs a token.

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
        self._attribute = f"_iiniit_guard_admission_{id(self)}"  # a project may have several of this middleware
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
        unasked = self._hooked and _leads_to_public_view(request)
        admission = self._enter(request, _PASSED if unasked else self._ask(request), unasked)
        if not isinstance(admission, Admission):
            return admission
        try:
            response = self.get_response(request)
        except Exception:
            if admission.record.refusal is None:
                raise
            return response_to(admission.record.refusal)
        if not isinstance(response, HttpResponseBase) and isawaitable(response):
            return self._finish_async(request, admission, response)  # a wrapper below hides that it is asynchronous
        return self._finish(request, admission, response, None if admission.covers_response(request, response) else self._ask(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        unasked = self._hooked and _leads_to_public_view(request)
        admission = self._enter(request, _PASSED if unasked else await self._ask_async(request), unasked)
        if not isinstance(admission, Admission):
            return admission
        return await self._finish_async(request, admission, self.get_response(request))

    async def _finish_async(self, request: HttpRequest, admission: Admission, coming: Awaitable[HttpResponse]) -> HttpResponse:
        try:
            response = await coming
        except Exception:
            if admission.record.refusal is None:
                raise
            return response_to(admission.record.refusal)
        decision = None if admission.covers_response(request, response) else await self._ask_async(request)
        return self._finish(request, admission, response, decision)

    def _finish(
        self, request: HttpRequest, admission: Admission, response: HttpResponse, decision: AccessToken | Allow | Answer | None
    ) -> HttpResponse:
        if decision is not None:
            admission.decide_again(request, self._passes_as_preflight(request, decision))
        return admission.finish(response, decision, admission.preflight_only and has_credential(request, self.guard))

    def _ask(self, request: HttpRequest) -> AccessToken | Allow | Answer:
        gate, answers = self._requirements()
        said = recall(self.guard, gate, request, HOST)
        return (
            said
            if isinstance(said, AccessToken)
            else admit(self.guard, gate, read_request(request), HOST, begun=said, host_answers=answers)
        )

    async def _ask_async(self, request: HttpRequest) -> AccessToken | Allow | Answer:
        gate, answers = self._requirements()
        said = recall(self.guard, gate, request, HOST)
        if isinstance(said, AccessToken):
            return said
        return await admit_async(self.guard, gate, read_request(request), HOST, begun=said, host_answers=answers)

    def _requirements(self) -> tuple[Gate, bool]:
        """Return which requests pass, and whether something other than a view answers preflights."""
        return (self.gate, self._cors_answers) if self._hooked else (self._gate_without_hook, False)

    def _passes_as_preflight(self, request: HttpRequest, decision: AccessToken | Allow | Answer) -> bool:
        """Return whether `decision`, which was just made about `request`, lets it pass only as a CORS preflight."""
        if request.method != "OPTIONS" or not isinstance(decision, Allow) or decision.token or decision.principal:
            return False
        gate, answers = self._requirements()
        return gate.passes_as_preflight(read_request(request), host_answers=answers)

    def _enter(self, request: HttpRequest, decision: AccessToken | Allow | Answer, unasked: bool) -> Admission | HttpResponse:
        if not isinstance(decision, (AccessToken, Allow)):
            if isinstance(decision, Refusal):
                record_refusal(state_of(request), decision)  # for a middleware around this one
            return response_to(decision)
        record = new_record(request)  # each time that middleware above passes the request on
        note(request, self.guard, *_found(decision), record)
        admission = Admission(request, record, unasked, not unasked and self._passes_as_preflight(request, decision))
        setattr(request, self._attribute, admission)
        return admission

    def _process_view(self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object) -> HttpResponse | None:
        """Decide once more where what was decided about is not what will run."""
        admission: Admission = getattr(request, self._attribute)
        if admission.covers(request, view):
            return admission.in_place_of(view)
        return self._settle(request, admission, view, self._ask(request))

    async def _process_view_async(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponse | None:
        admission: Admission = getattr(request, self._attribute)
        if admission.covers(request, view):
            return admission.in_place_of(view)
        return self._settle(request, admission, view, await self._ask_async(request))

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

    def _settle(
        self, request: HttpRequest, admission: Admission, view: Callable[..., Any], decision: AccessToken | Allow | Answer
    ) -> HttpResponse | None:
        admission.decide_again(request, self._passes_as_preflight(request, decision))
        if not isinstance(decision, (AccessToken, Allow)):
            if isinstance(decision, Refusal):
                record_refusal(state_of(request), decision)
            return response_to(decision)
        note(request, self.guard, *_found(decision))
        return admission.in_place_of(view)


def _found(decision: AccessToken | Allow) -> tuple[AccessToken | None, Principal | None]:
    return (decision, None) if isinstance(decision, AccessToken) else (decision.token, decision.principal)


def _leads_to_public_view(request: HttpRequest) -> bool:
    resolver = get_resolver(getattr(request, "urlconf", None))
    # Looking at the patterns imports the views, and with them every use of @public; without any, nothing is resolved twice.
    if not resolver.url_patterns or not any_public():
        return False
    try:
        return is_public(resolver.resolve(request.path_info).func)
    except Resolver404:
        return False

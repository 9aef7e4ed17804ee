"""The middleware, which requires a token before any view and any inner middleware runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import replace
from inspect import isawaitable
from types import MethodType
from typing import Final, TypeAlias

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from iiniit_guard.adapting.admission import Admission, engine_of
from iiniit_guard.adapting.loop_watcher import LoopWatcher
from iiniit_guard.adapting.middleware import admit, admit_async
from iiniit_guard.adapting.request_state import recorded_refusal
from iiniit_guard.adapting.types import Handler
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Response
from iiniit_guard.django.csrf import is_exempt, skip_check
from iiniit_guard.django.language import leads_to_public_view
from iiniit_guard.django.middleware_order import (
    cors_answers_below,
    cors_is_inside,
    csrf_is_checked_below,
    language_is_chosen_below,
)
from iiniit_guard.django.pages import prepare_page
from iiniit_guard.django.record import AdmissionRecord, refused
from iiniit_guard.django.responses import RequestRefused, response_to
from iiniit_guard.django.settings import load
from iiniit_guard.django.state import (
    HOST,
    begin_request,
    has_credential,
    note,
    read_request,
    state_of,
)
from iiniit_guard.django.view_checks import check_order
from iiniit_guard.guard import Guard

Found: TypeAlias = AccessToken | Allow

_log: Final = logging.getLogger("iiniit_guard")


class GuardMiddleware:
    """Middleware that lets a request pass only with a valid access token.

    Views read the token from `request.access_token`.

    The middleware decides before any inner middleware can answer or process the request. The view
    that will run is not known at that time, so the middleware resolves the path as Django does. If
    the path resolves to a `@public` view, the request passes without a decision. If Django then
    finds another view, because inner middleware changed `request.urlconf`, the language, the path
    or the method, `process_view` makes the decision. Inner middleware may also create a response
    itself instead of calling the `@public` view. The guard returns such a response only if the
    request has a token, or if the response comes from a cache that stored it for a `@public` view.

    A decorator that refuses a request records the refusal and raises an exception. The middleware
    replaces the resulting response (of an exception handler, of `handler403`, of a framework on top
    of Django) by the refusal. It aborts a streaming response that has begun.

    A CORS preflight passes without a token only if the middleware of django-cors-headers is an
    inner middleware, or with `preflights="pass"`. Django calls a view for any method. Therefore the
    middleware answers such a preflight with 204 if its view is neither decorated nor `@public`, and
    neither the view nor `options()` of a class view runs. From a response of other inner code (a
    handler of 404, middleware) the guard returns only the CORS header fields and `Vary`, without
    content. The decision remains in force if inner middleware changes header fields of the
    preflight. If rules name OPTIONS for the path, the rules decide, and the view runs. With
    `preflights="guard"` every preflight needs a token.

    Other packages may wrap this middleware and its hooks in plain functions. If such a wrapper
    hides `process_view` from Django, no view counts as `@public`, no preflight passes, and the
    guard decides again about a response if inner middleware changed the path or the method.

    Raises:
        SettingsError: `settings.IINIIT_GUARD` is missing or invalid. The exception lists every
            fault.
        UsageError: At the first request: a decorator stands above a route decorator.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.guard: Guard
        self.admission: Admission
        self.guard, self.admission = load()
        self._engine = engine_of(self.guard)
        self._gate_without_hook = replace(self.admission, preflights="guard")
        # The identity makes the name unique: a project may have several instances.
        self._attribute = f"_iiniit_guard_admission_{id(self)}"
        self._watcher = LoopWatcher(self._engine, self.admission, HOST, read_request)
        self._asynchronous = iscoroutinefunction(get_response)
        self._is_checked = False
        self._hook: Handler = self._process_view
        self.process_template_response: Handler = self._prepare_page
        if self._asynchronous:
            markcoroutinefunction(self)
            self._hook = _of_either_kind(self, self._process_view, self._process_view_async)
            self.process_template_response = _of_either_kind(
                self, self._prepare_page, self._prepare_page_async
            )
        self._hooked = type(self).process_view is not GuardMiddleware.process_view
        self._cors_answers = cors_answers_below(type(self))
        self._csrf_is_checked = csrf_is_checked_below(type(self))
        self._language_is_chosen = language_is_chosen_below(type(self))
        if cors_is_inside(type(self)):
            _log.warning(
                "the CORS middleware is inside the guard: refusals will not reach scripts of other "
                "origins; put it above"
            )

    @property
    def process_view(self) -> Handler:
        """The hook that Django calls before a view. A read shows that it has the hook."""
        self._hooked = True
        return self._hook

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the refusal for the exception of a decorator, so that Django logs no traceback."""
        refusal = recorded_refusal(state_of(request))
        if refusal is None or not isinstance(exception, RequestRefused):
            return None
        return response_to(refusal)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Refuse the request, or pass it to the inner middleware and the view."""
        if self._asynchronous:
            return self._pass_async(request)
        record = self._enter(request, None if self._is_unasked(request) else self._ask(request))
        if not isinstance(record, AdmissionRecord):
            return record
        try:
            response = self.get_response(request)
        except Exception:
            if record.refusal is None:
                raise
            return response_to(record.refusal)
        # An inner wrapper may hide that the inner middleware is asynchronous.
        if not isinstance(response, HttpResponseBase) and isawaitable(response):
            return self._finish_async(request, record, response)
        again = None if record.covers_response(request, response) else self._ask(request)
        return self._finish(request, record, response, again)

    async def _pass_async(self, request: HttpRequest) -> HttpResponse:
        asked = None if self._is_unasked(request) else await self._ask_async(request)
        record = self._enter(request, asked)
        del asked  # error reporters send local variables, and a decision may hold a token
        if not isinstance(record, AdmissionRecord):
            return record
        return await self._finish_async(request, record, self.get_response(request))

    async def _finish_async(
        self, request: HttpRequest, record: AdmissionRecord, coming: Awaitable[HttpResponse]
    ) -> HttpResponse:
        try:
            response = await coming
        except Exception:
            if record.refusal is None:
                raise
            return response_to(record.refusal)
        is_covered = record.covers_response(request, response)
        again = None if is_covered else await self._ask_async(request)
        return self._finish(request, record, response, again)

    def _is_unasked(self, request: HttpRequest) -> bool:
        """Return whether `request` passes without a decision, because its view is `@public`."""
        if not self._is_checked:
            check_order()
            self._is_checked = True
        return self._hooked and leads_to_public_view(request, self._language_is_chosen)

    def _ask(self, request: HttpRequest) -> Found | Response:
        begun = begin_request(self._engine, self.admission, request)
        if isinstance(begun, AccessToken):
            return begun
        if begun is not None:
            return self._engine.finish(begun, self.admission.policy)
        admission, answers = self._requirements()
        read = read_request(request)
        return admit(self._engine, admission, read, HOST, host_answers=answers)

    async def _ask_async(self, request: HttpRequest) -> Found | Response:
        begun = begin_request(self._engine, self.admission, request)
        if isinstance(begun, AccessToken):
            return begun
        if begun is not None:
            return await self._engine.finish_async(begun, self.admission.policy)
        admission, answers = self._requirements()
        read = read_request(request)
        return await admit_async(self._engine, admission, read, HOST, host_answers=answers)

    def _requirements(self) -> tuple[Admission, bool]:
        """Return the admission settings, and whether inner middleware answers preflights."""
        if not self._hooked:
            return self._gate_without_hook, False
        return self.admission, self._cors_answers

    def _passes_as_preflight(self, request: HttpRequest, decision: Found | Response | None) -> bool:
        """Return whether `decision` lets `request` pass only because it is a CORS preflight."""
        if not isinstance(decision, Allow) or decision.token or decision.principal:
            return False
        admission, answers = self._requirements()
        return admission.passes_as_preflight(read_request(request), host_answers=answers)

    def _enter(
        self, request: HttpRequest, decision: Found | Response | None
    ) -> AdmissionRecord | HttpResponse:
        """Store why the request passes, or return the response; None: its view is `@public`."""
        if isinstance(decision, Response):
            return refused(request, decision)
        # Outer middleware may pass a request several times.
        record = AdmissionRecord(request, unasked=decision is None)
        note(request, self._engine, decision, record)
        if request.method == "OPTIONS":
            record.preflight_only = self._passes_as_preflight(request, decision)
        if self._csrf_is_checked:
            record.csrf_exempt = is_exempt(self._engine, request, decision)
        setattr(request, self._attribute, record)
        return record

    def _finish(
        self,
        request: HttpRequest,
        record: AdmissionRecord,
        response: HttpResponse,
        again: Found | Response | None,
    ) -> HttpResponse:
        """Return `response` or its replacement. `again` is a second decision; None without one."""
        if again is not None:
            record.decide_again(request, self._passes_as_preflight(request, again))
        has_token = record.preflight_only and has_credential(request, self._engine)
        return record.finish(request, response, again, has_token, self._watcher)

    def _process_view(
        self, request: HttpRequest, view: Handler, args: object, kwargs: object
    ) -> HttpResponse | None:
        record: AdmissionRecord = getattr(request, self._attribute)
        again = None if record.covers(request, view) else self._ask(request)
        return self._before_view(request, record, view, again)

    async def _process_view_async(
        self, request: HttpRequest, view: Handler, args: object, kwargs: object
    ) -> HttpResponse | None:
        record: AdmissionRecord = getattr(request, self._attribute)
        again = None if record.covers(request, view) else await self._ask_async(request)
        return self._before_view(request, record, view, again)

    def _before_view(
        self,
        request: HttpRequest,
        record: AdmissionRecord,
        view: Handler,
        again: Found | Response | None,
    ) -> HttpResponse | None:
        """Return the response in place of `view`, if any. `again` is as for `_finish`."""
        if again is not None:
            record.decide_again(request, self._passes_as_preflight(request, again))
            if isinstance(again, Response):
                return refused(request, again)
            note(request, self._engine, again)
        elif record.csrf_exempt and not record.public_view_ran:
            skip_check(request, view)
        return record.in_place_of(view) if record.preflight_only else None

    def _prepare_page(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Prepare `response` so that the page which a framework renders shows the refusal."""
        prepare_page(getattr(request, self._attribute), response)
        return response

    async def _prepare_page_async(
        self, request: HttpRequest, response: HttpResponse
    ) -> HttpResponse:
        return self._prepare_page(request, response)


def _of_either_kind(owner: object, hook: Handler, hook_async: Handler) -> Handler:
    """Return a hook that is marked asynchronous. It is a bound method, as Django requires.

    The hook also works if a wrapper hides the mark. Django awaits a marked hook on the event loop.
    Django runs a hook without the mark in a thread, which has no event loop, and uses the returned
    object as its result.
    """

    def either(_owner: object, *args: object) -> object:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return hook(*args)
        return hook_async(*args)

    return MethodType(markcoroutinefunction(either), owner)

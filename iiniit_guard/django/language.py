"""Whether Django will find a `@public` view, in the language that is chosen for the request."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import cast

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.http import HttpRequest
from django.urls import Resolver404, get_resolver
from django.utils import translation

from iiniit_guard.adapting.decorators import any_public, is_public


def leads_to_public_view(request: HttpRequest, language_is_chosen: bool) -> bool:
    """Return whether the path of `request` resolves to a `@public` view.

    Args:
        request: As the middleware received it.
        language_is_chosen: Whether `LocaleMiddleware` below the guard chooses the language.
    """
    resolver = get_resolver(getattr(request, "urlconf", None))
    # Access to the patterns imports the views, which registers every use of @public. If no view is
    # public, the path need not be resolved here; Django resolves it again.
    if not resolver.url_patterns or not any_public():
        return False
    try:
        with _in_language_of(request) if language_is_chosen else nullcontext():
            return is_public(resolver.resolve(request.path_info).func)
    except Resolver404:
        return False


def _in_language_of(request: HttpRequest) -> AbstractContextManager[object]:
    """Return a context in which the language of `request` is active.

    `LocaleMiddleware` below the guard activates it later. The patterns of `i18n_patterns`, and
    translated patterns, match only in their own language.
    """
    urlconf = getattr(request, "urlconf", settings.ROOT_URLCONF)
    has_prefixes, default_has_prefix = is_language_prefix_patterns_used(urlconf)
    if (
        has_prefixes
        and not default_has_prefix
        and not translation.get_language_from_path(request.path_info)
    ):
        language = settings.LANGUAGE_CODE
    else:
        language = translation.get_language_from_request(request, check_path=has_prefixes)
    return cast("AbstractContextManager[object]", translation.override(language))

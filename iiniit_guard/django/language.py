"""The language in which Django will resolve the path of a request below `LocaleMiddleware`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.http import HttpRequest
from django.utils import translation


def in_language_of(request: HttpRequest) -> AbstractContextManager[object]:
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

"""Streaming responses of Django: they end with a refusal, and with their access token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files import File
from django.core.files.base import ContentFile
from django.http import FileResponse

from iiniit_guard.adapting.request_state import TOKEN_KEY
from iiniit_guard.adapting.response_record import NOTE
from iiniit_guard.adapting.streaming import is_standard_file, until_ended, until_ended_async
from iiniit_guard.adapting.token_watch import TokenWatch
from iiniit_guard.django.responses import RequestRefused
from iiniit_guard.django.state import state_of

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from iiniit_guard.adapting.loop_watcher import LoopWatcher
    from iiniit_guard.adapting.request_state import RefusalRecord


def guard_stream(
    request: HttpRequest, response: HttpResponseBase, record: RefusalRecord, watcher: LoopWatcher
) -> None:
    """Make a streaming response raise an exception after a refusal, or when its token has ended.

    The exception makes the server abort the response.
    """
    if type(response) is FileResponse and is_standard_file(_inside(response.file_to_stream)):
        # No handler runs while the file is read. The server may send it with wsgi.file_wrapper.
        return
    record.has_token = state_of(request).get(TOKEN_KEY) is not None
    chunks = response.streaming_content
    if response.is_async:
        response.streaming_content = until_ended_async(
            chunks, record, watcher, request, RequestRefused
        )
    else:
        watch = TokenWatch(watcher.settings, record, request, NOTE)
        response.streaming_content = until_ended(chunks, record, watch, RequestRefused)


def _inside(file: object) -> object:
    """Return the file in a Django file. Its type must match exactly: a subclass may override it."""
    while type(file) in (File, ContentFile) and "read" not in vars(file):
        file = vars(file)["file"]
    return file

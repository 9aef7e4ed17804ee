"""Pages that show a refusal in a browser, for frameworks on top of Django that render such pages.

A page changes only the body and the `Content-Type` of a refusal. Its status and its other header
fields are those of every refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

from django.http import HttpResponse

from iiniit_guard.adapting.request_state import RefusalRecord
from iiniit_guard.core.model.decision import Refusal, Response

Show: TypeAlias = Callable[[Any, Refusal], bool]
"""Put a refusal into a response that is not rendered yet. Return False to send the refusal as it
is.
"""

shows: Final[list[Show]] = []
"""The frameworks in this process that can show a refusal."""


def prepare_page(record: RefusalRecord, response: Any) -> None:
    """Prepare a response that is not rendered yet to show the refusal in `record`, if any."""
    refusal = record.refusal
    # The response to HEAD has no body.
    if refusal is not None and refusal.body and any(show(response, refusal) for show in shows):
        response.add_post_render_callback(partial(_keep, record, refusal))


def _keep(record: RefusalRecord, refusal: Refusal, response: HttpResponse) -> None:
    body = bytes(response.content)
    own = {"content-type": response.headers["Content-Type"], "content-length": str(len(body))}
    headers = tuple((name, own.get(name.lower(), value)) for name, value in refusal.headers)
    record.page = replace(refusal, headers=headers, body=body)


def with_page(answer: Response, record: RefusalRecord) -> Response:
    """Return the page for `answer`; `answer` itself if it has none."""
    return record.page if answer is record.refusal and record.page is not None else answer

"""Pages that show a refusal in a browser, for frameworks on top of Django that render such pages.

A page changes only the body and the `Content-Type` of a refusal. Its status and its other header
fields are those of every refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from django.http import HttpResponse

from iiniit_guard.adapting.request_state import RefusalRecord
from iiniit_guard.core.model.decision import Refusal

Show: TypeAlias = Callable[[Any, Refusal], bool]
"""Put a refusal into a response that is not rendered yet. Return False to send the refusal as it
is.
"""

shows: Final[list[Show]] = []
"""The frameworks in this process that can show a refusal."""


@dataclass(frozen=True, slots=True)
class Page:
    """A rendered page.

    Attributes:
        refusal: The refusal that the page shows.
        content_type: The `Content-Type` of the page.
        body: The page.
    """

    refusal: Refusal
    content_type: str
    body: bytes


class Record(Protocol):
    """The record of an admitted request.

    Attributes:
        refusals: The record of the refusal.
        page: The page for it.
    """

    refusals: RefusalRecord
    page: Page | None


def prepare_page(record: Record, response: Any) -> None:
    """Let a response that is not rendered yet show the refusal in `record`, if there is one."""
    refusal = record.refusals.refusal
    # The response to HEAD has no body.
    if refusal is not None and refusal.body and any(show(response, refusal) for show in shows):
        response.add_post_render_callback(partial(_keep, record, refusal))


def _keep(record: Record, refusal: Refusal, response: HttpResponse) -> None:
    record.page = Page(refusal, response.headers["Content-Type"], bytes(response.content))


def with_page(refusal: Refusal, page: Page | None) -> Refusal:
    """Return `refusal` with the page as its body; the refusal itself if no page shows it."""
    if page is None or page.refusal is not refusal:
        return refusal
    own = {"content-type": page.content_type, "content-length": str(len(page.body))}
    headers = tuple((name, own.get(name.lower(), value)) for name, value in refusal.headers)
    return replace(refusal, headers=headers, body=page.body)

"""The page of the browsable API that shows a refusal in a browser."""

from __future__ import annotations

from typing import Any, Final

from rest_framework.renderers import BrowsableAPIRenderer

from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.decision import Refusal

_OF_THE_BODY: Final = frozenset({"content-type", "content-length"})


def show_refusal(response: Any, refusal: Refusal) -> bool:
    """Put `refusal` into a response that the browsable API will render; False for other responses.

    The renderer shows the members of the problem and the header fields of the refusal. The body of
    a function in `error_body` may have no members.
    """
    if not isinstance(getattr(response, "accepted_renderer", None), BrowsableAPIRenderer):
        return False
    members = parse_object(refusal.body)
    if members is None:
        return False
    response.data = members
    response.status_code = refusal.status
    for name, value in refusal.headers:
        if name.lower() not in _OF_THE_BODY:
            response[name] = value
    return True

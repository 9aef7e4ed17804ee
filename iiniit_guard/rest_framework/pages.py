"""The page of the browsable API that shows a refusal in a browser."""

from __future__ import annotations

import json
from typing import Any, Final

from rest_framework.renderers import BrowsableAPIRenderer

from iiniit_guard.core.model.decision import Refusal

_OF_THE_BODY: Final = frozenset({"content-type", "content-length"})


def show_refusal(response: Any, refusal: Refusal) -> bool:
    """Put `refusal` into a response that the browsable API will render; False for other responses.

    The renderer shows the members of the problem and the header fields of the refusal.
    """
    if not isinstance(getattr(response, "accepted_renderer", None), BrowsableAPIRenderer):
        return False
    response.data = json.loads(refusal.body)
    response.status_code = refusal.status
    for name, value in refusal.headers:
        if name.lower() not in _OF_THE_BODY:
            response[name] = value
    return True

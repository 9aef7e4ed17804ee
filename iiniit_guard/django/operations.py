"""The operations of a view of a framework on top of Django."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from iiniit_guard.adapting.alternatives import Alternatives


@dataclass(frozen=True, slots=True)
class ViewOperation:
    """One method of a view of a framework on top of Django, and what it requires of a request.

    The requirements of the middleware are not part of it.

    Attributes:
        method: The HTTP method.
        action: The action of a viewset of Django REST framework; None for other views.
        handler: The module and the name of the view class or view function, and of the action.
        alternatives: A request must satisfy all policies of at least one element. `((),)` means
            that the view requires no scope of a token, `()` that it refuses every request.
        permissions: The permissions of Django REST framework as they were written, all of which
            must admit the request; or the `auth` callbacks of django-ninja, one of which must.
        declared: Where the policies are declared: `permission_classes`, `auth`, `decorator`.
        is_public: Whether the view is `@public`.
        is_open: Whether the view may admit a request without a user and without a credential. A
            permission of another package counts as one that does, an `auth` callback does not.
        fault: Why the view fails at every request; None if it does not.
        function: The function that handles the method, with its decorators.
    """

    method: str
    action: str | None
    handler: str
    alternatives: Alternatives
    permissions: tuple[str, ...]
    declared: tuple[str, ...]
    is_public: bool
    is_open: bool
    fault: str | None = None
    function: Any = field(default=None, repr=False, compare=False)

"""Names for the types that frameworks leave open: ASGI and WSGI values, and handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

State: TypeAlias = MutableMapping[str, Any]
"""An ASGI scope or a WSGI environ, in which a middleware stores its result."""
ReadState: TypeAlias = Mapping[str, Any]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Handler: TypeAlias = Callable[..., Any]
"""A handler of an application, whose arguments and result only the framework knows."""
Args: TypeAlias = tuple[Any, ...]
Keywords: TypeAlias = dict[str, Any]

Members: TypeAlias = Mapping[str, Any]
"""The members of a JSON object or of a TOML table, or keyword arguments."""
JsonObject: TypeAlias = dict[str, Any]

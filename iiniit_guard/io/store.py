"""The shared store on Redis or Valkey: three commands, 100 ms, no retries.

The reply after a failure is that of a miss. For `StoreAdd` it is None, which does not count as
success.
"""

from __future__ import annotations

import logging
import time
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from iiniit_guard.core.model.flow import StoreAdd, StoreGet, StoreSet
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.log_line import write_line
from iiniit_guard.errors import needs_extra

if TYPE_CHECKING:
    from collections.abc import Hashable

    import redis
    import redis.asyncio

_TIMEOUT_SECONDS: Final = 0.1
# After a failure: a store that hangs must not add 100 ms to every request.
_PAUSE_SECONDS: Final = 1.0
_OUTAGE_SECONDS: Final = 60.0
"""The least time between two warnings about one use of the store.

A store that is full or read-only still answers lookups, so each of its failures is a new outage.
"""
_LONGEST_VALUE_BYTES: Final = 1 << 20
_MOST_CONNECTIONS: Final = 32
"""Limit for all threads together, and for each event loop.

If none is free, a lookup is a miss. A `StoreAdd` waits: its miss would be an outage for the client,
and any client can send a burst.
"""

_ADDED: Final = b"1"
_WITHOUT_CACHE: Final = "each process uses only its own cache of introspection responses"
_WITHOUT_REPLAYS: Final = "requests with a DPoP proof are answered with 503"
"""What the guard does during an outage, for each use of the store."""

StoreEffect: TypeAlias = StoreGet | StoreSet | StoreAdd
StoreReply: TypeAlias = tuple[bytes | None, ...] | bool | None


class Store:
    """One shared store, for threads and for event loops.

    Args:
        url: `redis://`, `rediss://` or `unix://`, with the password if one is needed.

    Raises:
        MissingExtra: The extra `redis` is not installed.
    """

    def __init__(self, url: str) -> None:
        with needs_extra("redis", "store_url"):
            import redis  # noqa: F401 - fail or load now, not at a request
        self._url = url
        self._begin()

    def _begin(self) -> None:
        self._lock = Lock()
        self._client: redis.Redis | None = None
        self._turns = Semaphore(_MOST_CONNECTIONS)
        self._quiet_until = 0.0
        self._answered_at = float("-inf")
        self._failure = ""  # the class of the error; empty unless the store is failing
        self._failing_since = 0.0
        self._told: set[str] = set()  # the uses that the log names in this outage
        self._told_at: dict[str, float] = {}

    def after_fork(self) -> None:
        """Start without the connections of the parent process."""
        self._begin()

    def perform(self, effect: StoreEffect) -> StoreReply:
        """Read or write the shared store in the calling thread. A failure is a miss."""
        if time.monotonic() < self._quiet_until:
            self._tell(effect)
            return missed(effect)
        patience = _TIMEOUT_SECONDS if isinstance(effect, StoreAdd) else 0.0
        if not self._turns.acquire(timeout=patience):
            return missed(effect)
        try:
            client = self._thread_client()
            if isinstance(effect, StoreAdd):
                added = client.set(effect.name, _ADDED, px=_milliseconds(effect), nx=True)
                return self._succeeded(bool(added))
            if isinstance(effect, StoreSet):
                client.set(effect.name, effect.value, px=_milliseconds(effect))
                return self._succeeded(None)
            pipeline = client.pipeline(transaction=False)
            for name in effect.names:
                pipeline.get(name)
            return self._succeeded(_bounded(pipeline.execute()))
        except Exception as error:  # noqa: BLE001 - every failure is a miss; no URL is quoted
            return self._failed(effect, error)
        finally:
            self._turns.release()

    async def perform_async(
        self, effect: StoreEffect, transports: dict[Hashable, Any]
    ) -> StoreReply:
        """Read or write the shared store on the running event loop. A failure is a miss.

        Args:
            effect: The read or write operation.
            transports: The connections of the running loop; see `LoopState`.
        """
        import asyncio

        if time.monotonic() < self._quiet_until:
            self._tell(effect)
            return missed(effect)
        try:
            async with asyncio.timeout(2 * _TIMEOUT_SECONDS):  # one to connect, one for the command
                client = self._loop_client(transports)
                if client.turns.locked() and not isinstance(effect, StoreAdd):
                    return missed(effect)
                async with client.turns:
                    return self._succeeded(await _performed(effect, client.redis))
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(effect, error)

    @property
    def failing(self) -> tuple[str, float] | None:
        """The class of the error and the wall time of the first one; None if the store works."""
        failure = self._failure
        return (failure, self._failing_since) if failure else None

    def close(self) -> None:
        """Close the connections of threads."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _thread_client(self) -> redis.Redis:
        with self._lock:
            if self._client is None:
                self._client = _redis().Redis.from_url(self._url, **_options(asynchronous=False))
            return self._client

    def _loop_client(self, transports: dict[Hashable, Any]) -> _LoopClient:
        client = transports.get(self)
        if not isinstance(client, _LoopClient):
            client = transports[self] = _LoopClient(self._url)
        return client

    def _succeeded(self, reply: StoreReply) -> StoreReply:
        self._failure = ""
        self._told.clear()
        self._answered_at = time.monotonic()
        return reply

    def _failed(self, effect: StoreEffect, error: Exception) -> StoreReply:
        now = time.monotonic()
        # A burst of requests can delay the event loop itself for longer than the timeout. A client
        # must not be able to disable a store that responded a moment ago by sending such a burst.
        if (
            isinstance(error, (TimeoutError, _redis().exceptions.TimeoutError))
            and now - self._answered_at < _PAUSE_SECONDS
        ):
            return missed(effect)
        self._quiet_until = now + _PAUSE_SECONDS
        # Only the class of the error: its message may quote the URL.
        if not self._failure:
            self._failing_since = time.time()
            self._failure = type(error).__qualname__
        self._tell(effect)
        return missed(effect)

    def _tell(self, effect: StoreEffect) -> None:
        """Log once for each outage and use of the store, and at most once a minute.

        The line says what the guard does meanwhile.
        """
        use = _WITHOUT_REPLAYS if isinstance(effect, StoreAdd) else _WITHOUT_CACHE
        if not self._failure or use in self._told:
            return
        now = time.monotonic()
        if now >= self._told_at.get(use, float("-inf")) + _OUTAGE_SECONDS:
            self._told.add(use)
            self._told_at[use] = now
            write_line(
                logging.WARNING,
                "the shared store cannot be reached (%s); until it answers, %s",
                self._failure,
                use,
            )


class _LoopClient:
    """The client of one event loop, and who may use one of its connections now."""

    def __init__(self, url: str) -> None:
        import asyncio

        import redis.asyncio

        self.redis = redis.asyncio.Redis.from_url(url, **_options(asynchronous=True))
        self.turns = asyncio.Semaphore(_MOST_CONNECTIONS)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.redis.aclose()


async def _performed(effect: StoreEffect, client: redis.asyncio.Redis) -> StoreReply:
    if isinstance(effect, StoreAdd):
        return bool(await client.set(effect.name, _ADDED, px=_milliseconds(effect), nx=True))
    if isinstance(effect, StoreSet):
        await client.set(effect.name, effect.value, px=_milliseconds(effect))
        return None
    pipeline = client.pipeline(transaction=False)
    for name in effect.names:
        pipeline.get(name)
    return _bounded(await pipeline.execute())


def _redis() -> Any:
    import redis

    return redis


def _options(*, asynchronous: bool) -> JsonObject:
    if asynchronous:
        from redis.asyncio.retry import Retry as AsyncRetry
        from redis.backoff import NoBackoff

        retry: Any = AsyncRetry(NoBackoff(), 0)
    else:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        retry = Retry(NoBackoff(), 0)
    return {
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "retry": retry,
        "decode_responses": False,
        "max_connections": _MOST_CONNECTIONS,
    }


def _milliseconds(effect: StoreSet | StoreAdd) -> int:
    return max(1, int(effect.seconds * 1000))


def missed(effect: StoreEffect) -> StoreReply:
    """Return the reply for a miss."""
    return (None,) * len(effect.names) if isinstance(effect, StoreGet) else None


def _bounded(replies: list[Any]) -> tuple[bytes | None, ...]:
    return tuple(
        reply if isinstance(reply, bytes) and len(reply) <= _LONGEST_VALUE_BYTES else None
        for reply in replies
    )

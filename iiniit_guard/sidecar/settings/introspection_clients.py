"""The clients that may use `/introspect`, and their authentication.

Spec: RFC 7662 §2.1, RFC 6749 §2.3.1.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode
from binascii import Error
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote_plus

from iiniit_guard.adapting.types import Members
from iiniit_guard.core.issuer import validators as check

CLIENT_NAMES: Final = ("id", "secret_hash", "audiences")

# RFC 7914 §2 and the OWASP recommendation of 2025 for passwords: 32 MiB and about 0.1 s for each
# attempt.
_COST, _BLOCK, _PARALLEL, _MEMORY = 2**15, 8, 1, 64 * 1024 * 1024
_SHA256: Final = "sha256"
_SCRYPT: Final = "scrypt"
_FITS_NOTHING: Final = f"{_SCRYPT}:{'00' * 16}:{'00' * 32}"
_LONGEST_QUEUE: Final = 4

Busy: TypeAlias = Literal["busy"]
BUSY: Final = "busy"


@dataclass(frozen=True, slots=True)
class IntrospectionClient:
    """One introspection client.

    Attributes:
        identifier: The client identifier.
        secret_hash: A value that `make_secret_hash` returns, or `sha256:` and 64 hexadecimal
            digits for a secret of at least 128 random bits.
        audiences: The client may introspect only tokens that are issued for one of these audiences.
    """

    identifier: str
    secret_hash: str = field(repr=False)
    audiences: frozenset[str]


def client_faults(table: Members, number: int, audiences: frozenset[str]) -> list[str]:
    """Return the faults of one `[[introspection_clients]]` table, without any hash."""
    label = f"introspection_clients[{number}]"
    faults = [
        f"{label}.{name}: unknown setting" for name in sorted(table.keys() - set(CLIENT_NAMES))
    ]
    faults += [f"{label}.{name}: it is missing" for name in CLIENT_NAMES if name not in table]
    if "id" in table and (fault := check.text(table["id"])) is not None:
        faults.append(f"{label}.id: {fault}")
    if "secret_hash" in table and _parse_hash(table["secret_hash"]) is None:
        faults.append(f"{label}.secret_hash: must be the output of `iiniit-guard hash-secret`")
    if "audiences" in table:
        wanted = table["audiences"]
        if (fault := check.texts(wanted)) is not None:
            faults.append(f"{label}.audiences: {fault}")
        else:
            faults += [
                f"{label}.audiences: {name} is not an audience of this guard; remove it"
                for name in wanted
                if audiences and name not in audiences
            ]
    return faults


def make_secret_hash(secret: str, salt: bytes | None = None) -> str:
    """Return a hash of a secret, for `secret_hash`.

    The hash function is slow (scrypt), because a person may have chosen the secret.

    Args:
        secret: Any text.
        salt: A fixed salt for tests. None means a new random salt.
    """
    fresh = secrets.token_bytes(16) if salt is None else salt
    return f"{_SCRYPT}:{fresh.hex()}:{_stretched(secret, fresh).hex()}"


class IntrospectionClients:
    """The introspection clients, and a cache of their verified secrets.

    A process computes the slow hash of a correct secret once. After that, it compares an HMAC of
    the secret under a random key that only this process knows. If any client has a slow hash,
    every refusal computes one, so that response times do not reveal which client identifiers exist.

    Args:
        introspection_clients: The clients, with distinct identifiers.
        before: The clients of the configuration that this one replaces. The cache entry of a
            client is kept if its hash is unchanged.
    """

    def __init__(
        self,
        introspection_clients: Iterable[IntrospectionClient],
        before: IntrospectionClients | None = None,
    ) -> None:
        self._introspection_clients = {
            client.identifier: client for client in introspection_clients
        }
        self._key: bytes = secrets.token_bytes(32) if before is None else before._key
        self._verified: dict[str, bytes] = (
            {} if before is None else before._carried(self._introspection_clients)
        )
        self._is_slow = any(is_slow(client) for client in self._introspection_clients.values())
        self._tries: dict[bytes, asyncio.Task[bool]] = {}
        self._queued: Counter[str | None] = Counter()
        # Compute one slow hash at a time, so that a flood of wrong secrets cannot use every core.
        self._turn: asyncio.Lock = asyncio.Lock() if before is None else before._turn

    def __bool__(self) -> bool:
        return bool(self._introspection_clients)

    async def identify(
        self, authorization: bytes | None, form: Mapping[str, str]
    ) -> IntrospectionClient | Busy | None:
        """Return the client that presents its correct secret.

        The secret may be in the header or in the form, but not in both.

        Returns:
            None if the credentials are missing or wrong. `BUSY` if too many secrets wait for
            verification, of this client or of unknown clients.
        """
        shown = _credentials(authorization, form)
        if shown is None:
            return None
        client, secret = self._introspection_clients.get(shown[0]), shown[1]
        digest = hmac.digest(self._key, f"{len(shown[0])}:{shown[0]}{secret}".encode(), "sha256")
        if client is not None and hmac.compare_digest(
            self._verified.get(client.identifier, b""), digest
        ):
            return client
        if client is not None and not is_slow(client) and matches(secret, client.secret_hash):
            self._verified[client.identifier] = digest
            return client
        if not self._is_slow:
            return None
        good = await self._try(client, secret, digest)
        if isinstance(good, str):
            return good
        if client is None or not good:
            return None
        self._verified[client.identifier] = digest
        return client

    async def _try(
        self, client: IntrospectionClient | None, secret: str, digest: bytes
    ) -> bool | Busy:
        """Compare a secret with the slow hash of the client, or with one that nothing matches.

        Concurrent requests with the same credentials share one computation.
        """
        running = self._tries.get(digest)
        if running is None:
            queue = None if client is None else client.identifier
            if self._queued[queue] > _LONGEST_QUEUE:  # the count includes the one that is running
                return BUSY
            self._queued[queue] += 1
            wanted = client.secret_hash if client is not None and is_slow(client) else _FITS_NOTHING
            running = self._tries[digest] = asyncio.create_task(self._in_turn(secret, wanted))

            def end(_: asyncio.Task[bool]) -> None:
                del self._tries[digest]
                self._queued[queue] -= 1

            running.add_done_callback(end)
        # Other requests may share the computation, so a client that disconnects must not cancel it.
        return await asyncio.shield(running)

    async def _in_turn(self, secret: str, secret_hash: str) -> bool:
        async with self._turn:
            return await asyncio.to_thread(matches, secret, secret_hash)

    def _carried(
        self, introspection_clients: Mapping[str, IntrospectionClient]
    ) -> dict[str, bytes]:
        same = [
            name
            for name, client in self._introspection_clients.items()
            if name in introspection_clients
            and introspection_clients[name].secret_hash == client.secret_hash
        ]
        return {name: digest for name in same if (digest := self._verified.get(name)) is not None}


def is_slow(client: IntrospectionClient) -> bool:
    """Return whether verifying the secret of this client computes a slow hash."""
    return client.secret_hash.startswith(f"{_SCRYPT}:")


def matches(secret: str, secret_hash: str) -> bool:
    """Return whether `secret` matches `secret_hash`. The comparison takes constant time."""
    parsed = _parse_hash(secret_hash)
    if parsed is None:
        return False
    salt, wanted = parsed
    made = hashlib.sha256(secret.encode()).digest() if salt is None else _stretched(secret, salt)
    return hmac.compare_digest(made, wanted)


def _stretched(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        secret.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY, dklen=32
    )


def _parse_hash(value: object) -> tuple[bytes | None, bytes] | None:
    """Return the salt (None for a plain digest) and the hash, or None if the value is malformed."""
    kind, _, rest = str(value).partition(":")
    salt, colon, digest = rest.rpartition(":")
    try:
        parts = bytes.fromhex(salt), bytes.fromhex(digest)
    except ValueError:
        return None
    if len(parts[1]) != 32 or (kind == _SCRYPT) != bool(colon) or kind not in (_SCRYPT, _SHA256):
        return None
    return (parts[0] if kind == _SCRYPT else None), parts[1]


def _credentials(authorization: bytes | None, form: Mapping[str, str]) -> tuple[str, str] | None:
    posted = form.get("client_id"), form.get("client_secret")
    if authorization is None:
        return None if posted[0] is None or posted[1] is None else (posted[0], posted[1])
    if posted[1] is not None:  # RFC 6749 §2.3: only one authentication method in each request
        return None
    scheme, _, encoded = authorization.partition(b" ")
    try:
        pair = b64decode(encoded, validate=True).decode()
    except (Error, UnicodeDecodeError):
        return None
    user, colon, password = pair.partition(":")
    return (
        (unquote_plus(user), unquote_plus(password))
        if scheme.lower() == b"basic" and colon
        else None
    )


def parse_clients(
    tables: object, audiences: frozenset[str], faults: list[str]
) -> tuple[IntrospectionClient, ...]:
    """Return the clients in the tables `introspection_clients`.

    Args:
        tables: The value in the settings.
        audiences: The audiences of the API.
        faults: Receives the faults of the tables.
    """
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables):
        faults.append(
            "introspection_clients: must be an array of tables, [[introspection_clients]]"
        )
        return ()
    found = [
        fault
        for number, table in enumerate(tables, 1)
        for fault in client_faults(table, number, audiences)
    ]
    names = [table.get("id") for table in tables]
    found += [
        f"introspection_clients: {name} occurs more than once"
        for name in sorted({str(name) for name in names if names.count(name) > 1})
    ]
    faults += found
    if found:
        return ()
    return tuple(
        IntrospectionClient(table["id"], table["secret_hash"], frozenset(table["audiences"]))
        for table in tables
    )

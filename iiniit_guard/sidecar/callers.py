"""Who may use `/introspect`, and how a caller shows who it is.

Spec: RFC 7662 §2.1, RFC 6749 §2.3.1.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_plus

from iiniit_guard.core import setting_checks as is_

CALLER_NAMES: Final = ("id", "secret_hash", "audiences")

# RFC 7914 §2 and OWASP's advice of 2025 for passwords: 32 MiB and about 0.1 s a try.
_COST, _BLOCK, _PARALLEL, _MEMORY = 2**15, 8, 1, 64 * 1024 * 1024
_SHA256: Final = "sha256"
_SCRYPT: Final = "scrypt"


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller.

    Attributes:
        identifier: Its client identifier.
        secret_hash: As `make_secret_hash` writes it; `sha256:` and 64 digits for a secret of at least 128 random bits.
        audiences: It learns about tokens for one of these and about no others.
    """

    identifier: str
    secret_hash: str = field(repr=False)
    audiences: frozenset[str]


def caller_faults(table: Mapping[str, Any], number: int, audiences: frozenset[str]) -> list[str]:
    """Tell what is wrong with one `[[callers]]` table; no fault quotes a hash."""
    label = f"callers[{number}]"
    faults = [f"{label}.{name}: there is no such setting" for name in sorted(table.keys() - set(CALLER_NAMES))]
    faults += [f"{label}.{name}: it is missing" for name in CALLER_NAMES if name not in table]
    if "id" in table and (fault := is_.text(table["id"])) is not None:
        faults.append(f"{label}.id: {fault}")
    if "secret_hash" in table and _parse_hash(table["secret_hash"]) is None:
        faults.append(f"{label}.secret_hash: what `iiniit-guard hash-secret` prints is wanted")
    if "audiences" in table:
        wanted = table["audiences"]
        if (fault := is_.texts(wanted)) is not None:
            faults.append(f"{label}.audiences: {fault}")
        else:
            faults += [
                f"{label}.audiences: {name} is no audience of this guard, so no token is for it"
                for name in wanted
                if audiences and name not in audiences
            ]
    return faults


def make_secret_hash(secret: str, salt: bytes | None = None) -> str:
    """Hash a secret for `secret_hash`, slowly: it may be one that a person chose.

    Args:
        secret: Any text.
        salt: For tests; None means a fresh one.
    """
    fresh = secrets.token_bytes(16) if salt is None else salt
    return f"{_SCRYPT}:{fresh.hex()}:{_stretched(secret, fresh).hex()}"


class Callers:
    """The callers, and what was found out about their secrets.

    A slow hash is computed once per secret and process: then its digest under a key that only this process knows is compared.
    """

    def __init__(self, callers: Iterable[Caller]) -> None:
        self._callers = {caller.identifier: caller for caller in callers}
        self._key = secrets.token_bytes(32)
        self._verified: dict[str, bytes] = {}
        self._turn = asyncio.Lock()  # one slow hash at a time: a flood of wrong secrets must not take every core

    def __bool__(self) -> bool:
        return bool(self._callers)

    async def identify(self, authorization: bytes | None, form: Mapping[str, str]) -> Caller | None:
        """Give the caller who shows a good secret, in the header or in the form and not in both; None for anyone else."""
        shown = _credentials(authorization, form)
        caller = None if shown is None else self._callers.get(shown[0])
        if shown is None or caller is None:
            return None
        secret = shown[1]
        digest = hmac.digest(self._key, f"{len(shown[0])}:{shown[0]}{secret}".encode(), "sha256")
        known = self._verified.get(caller.identifier)
        if known is not None and hmac.compare_digest(known, digest):
            return caller
        async with self._turn:
            good = await asyncio.to_thread(matches, secret, caller.secret_hash)
        if good:
            self._verified[caller.identifier] = digest
        return caller if good else None


def matches(secret: str, secret_hash: str) -> bool:
    """Tell whether `secret` is the one that was hashed."""
    parsed = _parse_hash(secret_hash)
    if parsed is None:
        return False
    salt, wanted = parsed
    made = hashlib.sha256(secret.encode()).digest() if salt is None else _stretched(secret, salt)
    return hmac.compare_digest(made, wanted)


def _stretched(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY, dklen=32)


def _parse_hash(value: object) -> tuple[bytes | None, bytes] | None:
    """Give salt (None for a plain digest) and hash, None for what is neither."""
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
    if posted[1] is not None:  # RFC 6749 §2.3: one method in a request
        return None
    scheme, _, encoded = authorization.partition(b" ")
    try:
        pair = b64decode(encoded, validate=True).decode()
    except (Error, UnicodeDecodeError):
        return None
    user, colon, password = pair.partition(":")
    return (unquote_plus(user), unquote_plus(password)) if scheme.lower() == b"basic" and colon else None

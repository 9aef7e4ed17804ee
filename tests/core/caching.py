"""Entries for a `TokenCache`, and which of them it holds."""

from __future__ import annotations

from iiniit_guard.core.access_token import AccessToken
from iiniit_guard.core.cache import Remembered, Voucher, digest_of

FOR_EVER = float("inf")


def token_of(client=None, name="t"):
    return AccessToken("https://issuer.test", subject=name, client_id=client)


def entry(client=None, *, begins=0.0, ends=FOR_EVER, ends_monotonic=FOR_EVER, voucher=None, name="t"):
    return Remembered(token_of(client, name), begins, ends, ends_monotonic, voucher or Voucher())


def digest(name):
    return digest_of(str(name))


def fill(cache, names, client=None):
    for name in names:
        cache.keep(digest(name), entry(client))


def held(cache, names):
    return [name for name in names if digest(name) in cache._tables[digest(name)[0]]]

"""Helpers for `TokenCache`: entries, and which of them it holds."""

from __future__ import annotations

from iiniit_guard.core.cache.entry import CacheEntry, IssuerValidity, KeyValidity, facts_of
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.model.access_token import AccessToken

FOR_EVER = float("inf")
ISSUER = IssuerValidity()
VALIDITY = KeyValidity(ISSUER)


def token_of(client=None, name="t"):
    return AccessToken("https://issuer.test", subject=name, client_id=client)


def entry(
    client=None,
    *,
    valid_from=0.0,
    valid_until=FOR_EVER,
    valid_until_monotonic=FOR_EVER,
    validity=VALIDITY,
    name="t",
    token=None,
):
    return CacheEntry(
        token or token_of(client, name), valid_from, valid_until, valid_until_monotonic, validity
    )


def digest(name):
    return digest_of(str(name))


def fill(cache, names, client=None, validity=VALIDITY):
    for name in names:
        cache.keep(digest(name), entry(client, validity=validity, name=str(name)))


def held(cache, names):
    return [
        name
        for name in names
        if digest(name) in cache._objects or cache._store.get(digest(name)) is not None
    ]


def check_sums(cache):
    """Check that every total of the cache is the sum of its parts."""
    store = cache._store
    tables = {id(table): table for table in store.tables}.values()
    records = {digest: record for table in tables for digest, record in table.items()}
    assert sorted(
        digest for issuer in store._issuers.values() for digest in issuer.queue
    ) == sorted(records)
    for issuer in store._issuers.values():
        rooms = {}
        for digest in issuer.queue:
            assert facts_of(records[digest]).issuer == issuer.validity.number
            client = facts_of(records[digest]).client
            rooms[client] = rooms.get(client, 0) + facts_of(records[digest]).room
        assert issuer.rooms == rooms
        assert issuer.room == sum(rooms.values())
        assert issuer.over_quota.keys() <= rooms.keys()
    assert sorted(map(id, store._rotation)) == sorted(map(id, store._issuers.values()))
    assert store._capacity - store._free == sum(issuer.room for issuer in store._issuers.values())
    assert store._free >= 0
    assert len(store) <= cache._max_records
    assert sum(map(len, records.values())) <= cache._records_bytes
    only = [*store._issuers.values()]
    assert store._sole is (only[0] if len(only) == 1 else None)
    assert min(cache._new_room, cache._unpacked_room) >= 0
    sizes = [(entry.record is None, entry.size) for entry in cache._objects.values()]
    assert cache._objects_bytes - cache._new_room == sum(size for new, size in sizes if new)
    assert cache._objects_bytes - cache._unpacked_room == sum(
        size for new, size in sizes if not new
    )

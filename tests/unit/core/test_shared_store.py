"""The shared store: its entries; its owner can withhold them, but neither read nor forge them."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.client_authentication import BearerToken, ClientSecretPost, SecretFile
from iiniit_guard.core.issuer.shared_store import SharedStore
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.flow import ReadFile, StoreGet, StoreSet, Unreachable
from iiniit_guard.errors import UsageError
from tests.unit.core.stepping import CREDENTIALS, INTROSPECT, NOW, Steps, make_issuer

SECRET = "s" * 32
LONGEST = 60.0
DIGEST = b"d" * 32
CLAIMS = {"sub": "canary", "exp": NOW + 99}
SENT = Moment(NOW, 1000.0)


def make(secret=SECRET, **settings):
    numbers = iter(range(1, 99))
    return SharedStore(
        secret,
        make_issuer(**{"introspection": CREDENTIALS, **settings}),
        lambda size: bytes([next(numbers)] * size),
        LONGEST,
    )


def later(seconds):
    return Moment(NOW + seconds, 1000.0 + seconds)


def keep(store, values, digest=DIGEST, sent=SENT):
    steps = Steps(store.keep(digest, CLAIMS, sent))
    effect = steps.effect
    assert isinstance(effect, StoreSet)
    values[effect.name] = effect.value
    assert steps.send(None).result is None
    return effect


def end(store, values, now, digest=DIGEST):
    steps = Steps(store.end(digest, now, 5.0))
    effect = steps.effect
    assert isinstance(effect, StoreSet)
    values[effect.name] = effect.value
    steps.send(None)
    return effect


def recall(store, values, now=SENT, digest=DIGEST):
    steps = Steps(store.get(digest, now))
    assert isinstance(steps.effect, StoreGet)
    return steps.send(tuple(values.get(name) for name in steps.effect.names)).result


def test_what_one_filed_another_finds_with_its_own_clock():
    values: dict = {}
    effect = keep(make(), values)
    assert effect.seconds == LONGEST
    found = recall(make(), values, Moment(NOW + 10, 5000.0))
    assert found.claims == CLAIMS
    assert found.sent == Moment(NOW, 4990.0), (
        "the deadline counts from the moment the request was sent, by both clocks"
    )


def test_nothing_filed_is_a_miss():
    assert recall(make(), {}) is None


@pytest.mark.parametrize(("ahead", "found"), [(0, True), (2, True), (2.001, False)])
def test_an_answer_dated_ahead_is_a_miss(ahead, found):
    """An answer dated more than 2 s ahead is not used."""
    values: dict = {}
    keep(make(), values, sent=later(ahead))
    outcome = recall(make(), values)
    assert (outcome is not None) is found
    if outcome is not None:
        assert outcome.sent.monotonic <= SENT.monotonic


@pytest.mark.parametrize(("asked", "found"), [(-1, False), (0, False), (2, False), (2.001, True)])
def test_an_answer_asked_for_before_the_end_does_not_count(asked, found):
    """The two times may come from clocks that are up to 2 s apart."""
    values: dict = {}
    effect = end(make(), values, SENT)
    assert effect.seconds == LONGEST + 5.0
    keep(make(), values, sent=later(asked))
    assert (recall(make(), values, later(1)) is not None) is found


@pytest.mark.parametrize(
    "settings",
    [
        {"audience": "https://other.test"},
        {"issuer": "https://other.test"},
        {"introspection_endpoint": INTROSPECT + "/2"},
        {"metadata_url": "https://issuer.test/m"},
        {"introspection": ClientSecretPost("other", "secret")},
        {"introspection": BearerToken("t")},
    ],
)
def test_who_would_ask_another_question_finds_nothing(settings):
    """A key of the store is an HMAC over issuer, endpoint, client, audience and token."""
    values: dict = {}
    keep(make(), values)
    assert recall(make(**settings), values) is None
    moved = dict.fromkeys(
        Steps(make(**settings).get(DIGEST, SENT)).effect.names, next(iter(values.values()))
    )
    assert recall(make(**settings), moved) is None, (
        "the associated data holds the answer where it was put"
    )


def test_who_has_another_secret_finds_nothing():
    values: dict = {}
    keep(make(), values)
    assert recall(make("t" * 32), values) is None


def test_an_answer_moved_to_another_token_or_kind_is_a_miss():
    values: dict = {}
    store = make()
    keep(store, values)
    (sealed,) = values.values()
    for digest in (DIGEST, b"e" * 32):
        names = Steps(store.get(digest, SENT)).effect.names
        steps = Steps(store.get(digest, SENT))
        assert steps.send((None, sealed)).result is None
        assert names[0] != names[1]
    assert Steps(store.get(b"e" * 32, SENT)).send((sealed, None)).result is None
    assert Steps(store.get(DIGEST, SENT)).send((sealed, sealed)).result is not None, (
        "an end that is none ends nothing"
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[:20],
        lambda sealed: b"",
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    ],
)
def test_a_spoiled_value_is_a_miss(spoil):
    values: dict = {}
    keep(make(), values)
    assert recall(make(), {name: spoil(sealed) for name, sealed in values.items()}) is None


def test_neither_names_nor_values_say_anything():
    values: dict = {}
    keep(make(), values)
    end(make(), values, SENT)
    assert len(values) == 2
    shown = repr(values)
    assert "canary" not in shown
    assert DIGEST.hex() not in shown
    assert all(name.startswith("iiniit_guard:") for name in values)


def test_a_secret_in_a_file_is_read_at_the_first_use():
    values: dict = {}
    keep(make(), values)
    store = make(SecretFile("/run/secret"))
    steps = Steps(store.get(DIGEST, SENT))
    assert isinstance(steps.effect, ReadFile)
    recalls = steps.send(SECRET.encode() + b"\n").effect
    assert isinstance(recalls, StoreGet)
    assert steps.send(tuple(values.get(name) for name in recalls.names)).result is not None
    assert isinstance(Steps(store.get(DIGEST, SENT)).effect, StoreGet), "and only then"


@pytest.mark.parametrize(
    "content", [Unreachable("file", "missing"), b"s" * 31], ids=["missing", "too short"]
)
def test_without_its_secret_everything_is_a_miss(content):
    store = make(SecretFile("/run/secret"))
    assert Steps(store.get(DIGEST, SENT)).send(content).result is None
    assert Steps(store.keep(DIGEST, CLAIMS, SENT)).send(content).ended
    with pytest.raises(UsageError):
        store._name("active", DIGEST)


def test_a_delay_of_nothing_files_nothing():
    store = SharedStore(SECRET, make_issuer(introspection=CREDENTIALS), bytes, 0)
    assert Steps(store.keep(DIGEST, CLAIMS, SENT)).ended

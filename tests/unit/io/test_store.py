"""The shared store over a real socket: its commands; every failure is a miss."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from iiniit_guard.core.model.flow import StoreAdd, StoreGet, StoreSet
from iiniit_guard.errors import SettingsError
from iiniit_guard.io import store as module
from iiniit_guard.io.event_loops import Loops
from iiniit_guard.io.store import Store


class FakeRedis:
    """A minimal Redis server, with a thread for each connection."""

    def __init__(self):
        self.values: dict[bytes, bytes] = {}
        self.commands: list[list[bytes]] = []
        self.connections = self.peak = 0
        self.is_full = False
        self.hold = threading.Event()
        self.hold.set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.hold.set()
        with suppress(OSError):
            self._listener.shutdown(
                socket.SHUT_RDWR
            )  # else the thread that waits for one more peer gets it
        self._listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        self.connections += 1
        self.peak = max(self.peak, self.connections)
        try:
            with peer, peer.makefile("rb") as lines:
                while head := lines.readline():
                    words = [
                        lines.read(int(lines.readline()[1:]) + 2)[:-2] for _ in range(int(head[1:]))
                    ]
                    peer.sendall(self._answer(words))
        except OSError:
            pass
        finally:
            self.connections -= 1

    def _answer(self, words):
        self.commands.append(words)
        name = words[0].upper()
        if name == b"GET":
            self.hold.wait(10)
            value = self.values.get(words[1])
            return b"_\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)
        if name == b"SET" and self.is_full:
            return b"-OOM command not allowed\r\n"
        if name == b"SET" and b"NX" in words and words[1] in self.values:
            return b"_\r\n"
        if name == b"SET":
            self.values[words[1]] = words[2]
        return b"%1\r\n$5\r\nproto\r\n:3\r\n" if name == b"HELLO" else b"+OK\r\n"


@pytest.fixture
def redis():
    server = FakeRedis()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(
        module, "_TIMEOUT_SECONDS", 2.0
    )  # a busy machine must not look like a failing store


@contextmanager
def in_threads(store):
    yield store.perform
    store.close()


@contextmanager
def on_a_loop(store):
    loops = Loops()
    with asyncio.Runner() as runner:
        transports = runner.run(loops.here()).transports
        yield lambda effect: runner.run(store.perform_async(effect, transports))
        runner.run(loops.release())


WORLDS = pytest.mark.parametrize("world", [in_threads, on_a_loop])
LOOK = StoreGet(("a", "b"))
NOTHING = (None, None)
PROOF = StoreAdd("proof", 60.0)


@WORLDS
def test_what_is_kept_is_recalled(redis, world):
    with world(Store(redis.url)) as perform:
        assert perform(LOOK) == NOTHING
        assert perform(StoreSet("a", b"\x00sealed", 1.5)) is None
        assert perform(StoreSet("c", b"x", 0.0001)) is None
        assert perform(LOOK) == (b"\x00sealed", None)
    sets = [words[1:] for words in redis.commands if words[0] == b"SET"]
    assert sets == [[b"a", b"\x00sealed", b"PX", b"1500"], [b"c", b"x", b"PX", b"1"]]


@WORLDS
def test_a_name_is_added_once(redis, world):
    """One command, so two processes cannot both add it."""
    with world(Store(redis.url)) as perform:
        assert perform(StoreAdd("a", 1.5)) is True
        assert perform(StoreAdd("a", 1.5)) is False
    with world(Store("redis://127.0.0.1:1")) as perform:
        assert perform(StoreAdd("a", 1.5)) is None
        assert perform(StoreAdd("a", 1.5)) is None
    sets = [words[1:] for words in redis.commands if words[0] == b"SET"]
    assert sets == [[b"a", b"1", b"NX", b"PX", b"1500"]] * 2


@WORLDS
def test_a_value_that_is_too_large_is_a_miss(redis, world):
    redis.values[b"a"] = b"x" * ((1 << 20) + 1)
    redis.values[b"b"] = b"x" * (1 << 20)
    with world(Store(redis.url)) as perform:
        assert perform(LOOK) == (None, redis.values[b"b"])


@WORLDS
def test_a_store_that_is_away_is_a_miss_and_left_alone_for_a_second(
    redis, world, caplog, monkeypatch
):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    redis.close()
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 60.0)
    with world(store := Store(redis.url)) as perform:
        assert perform(LOOK) == NOTHING
        with monkeypatch.context() as patch:
            patch.setattr(store, "_failed", None)  # no request is sent meanwhile
            assert perform(LOOK) == NOTHING
            assert perform(StoreSet("a", b"x", 1)) is None
        assert [record.getMessage() for record in caplog.records] == [
            (
                "the shared store cannot be reached (ConnectionError); until it answers, each "
                "process uses only its own cache of introspection responses"
            )
        ]
        store._quiet_until = 0.0
        assert perform(LOOK) == NOTHING
        assert len(caplog.records) == 1
        assert store._quiet_until > 0


@WORLDS
@pytest.mark.parametrize("effects", [(LOOK, PROOF), (PROOF, LOOK), (PROOF, PROOF)])
def test_the_log_names_what_each_use_of_the_store_loses(redis, world, caplog, monkeypatch, effects):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    redis.close()
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 60.0)
    with world(Store(redis.url)) as perform:
        for effect in (*effects, *effects):  # all but the first in the pause after a failure
            perform(effect)
    start = "the shared store cannot be reached (ConnectionError); until it answers, "
    losses = {
        LOOK: "each process uses only its own cache of introspection responses",
        PROOF: "requests with a DPoP proof are answered with 503",
    }
    assert caplog.messages == [start + losses[effect] for effect in dict.fromkeys(effects)]


@WORLDS
def test_it_is_told_again_after_it_answered(redis, world, caplog):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    with world(store := Store(redis.url)) as perform:
        store._failure, store._told = "ConnectionError", {"earlier"}
        assert perform(LOOK) == NOTHING
        assert (store._failure, store._told, caplog.records) == ("", set(), [])


@WORLDS
@pytest.mark.parametrize("write", [StoreSet("a", b"x", 1), PROOF], ids=["answer", "proof"])
def test_a_store_that_only_reads_is_told_once_a_minute(redis, world, caplog, monkeypatch, write):
    """A full or read-only store answers each lookup, which ends the outage until the next write."""
    caplog.set_level(logging.WARNING, "iiniit_guard")
    redis.is_full = True
    with world(store := Store(redis.url)) as perform:
        for _ in range(4):
            store._quiet_until = 0.0
            assert perform(write) is None
            assert store._failure == "OutOfMemoryError"
            store._quiet_until = 0.0
            assert perform(LOOK) == NOTHING
            assert store._failure == ""
        assert len(caplog.messages) == 1
        monkeypatch.setattr(module, "_OUTAGE_SECONDS", 0.0)
        store._quiet_until = 0.0
        assert perform(write) is None
        assert len(caplog.messages) == 2


@WORLDS
def test_an_outage_that_goes_on_is_told_after_the_minute(redis, world, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    redis.is_full = True
    with world(store := Store(redis.url)) as perform:
        for told, seconds in ((1, 60.0), (1, 60.0), (2, 0.0)):
            monkeypatch.setattr(module, "_OUTAGE_SECONDS", seconds)
            store._quiet_until = 0.0
            if told == 1:
                assert perform(LOOK) == NOTHING
            assert perform(PROOF) is None
            assert len(caplog.messages) == told


@WORLDS
def test_a_store_that_hangs_is_left_alone_once_its_last_answer_is_old(
    redis, world, caplog, monkeypatch
):
    """A busy event loop may delay an answer by a second; that must not disable a good store."""
    caplog.set_level(logging.WARNING, "iiniit_guard")
    with world(store := Store(redis.url)) as perform:
        monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 0.05)
        redis.hold.clear()
        store._answered_at = time.monotonic() + 60
        for _ in range(2):
            assert perform(LOOK) == NOTHING
        assert (store._quiet_until, caplog.records) == (0.0, [])
        store._answered_at = time.monotonic() - 1.1
        assert perform(LOOK) == NOTHING
        assert store._quiet_until > time.monotonic()
        assert "TimeoutError" in caplog.text


def test_an_answer_is_remembered_as_a_sign_of_life(redis):
    with in_threads(store := Store(redis.url)) as perform:
        assert store._answered_at == float("-inf")
        perform(LOOK)
        assert time.monotonic() - store._answered_at < 60
        store.after_fork()
        assert store._answered_at == float("-inf")


@WORLDS
@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2/x@127.0.0.1:1/0",
        "redis://127.0.0.1:1/?hunter2=1",
        "redis://127.0.0.1:1/?socket_timeout=hunter2",
    ],
)
def test_a_client_that_cannot_be_made_is_a_miss_and_shows_no_url(world, url, caplog):
    """The settings reject such a URL; if one gets here, no exception quotes it."""
    caplog.set_level(logging.WARNING, "iiniit_guard")
    with world(Store(url)) as perform:
        assert perform(LOOK) == NOTHING
    assert len(caplog.records) == 1
    assert "hunter2" not in caplog.text


def test_without_the_package_it_is_said_what_to_install_before_the_first_request(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(
        ImportError, match=r"^store_url: .*; pip install 'iiniit-guard\[redis\]'$"
    ) as raised:
        Store("redis://127.0.0.1:1")
    assert isinstance(raised.value, SettingsError), (
        "who reads settings tells it as a fault of theirs"
    )


def test_each_loop_has_its_own_connections_and_they_end_with_it(redis):
    store = Store(redis.url)
    for _ in range(2):
        with on_a_loop(store) as perform:
            assert perform(LOOK) == perform(LOOK) == NOTHING
    assert redis.peak <= 2
    store.close()  # of the threads, which have none
    assert sum(words[0] == b"HELLO" for words in redis.commands) == 2

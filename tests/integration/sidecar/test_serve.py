"""Serving and the command line in the test process, which measures the coverage of every branch."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from iiniit_guard.sidecar.gateway import wire
from iiniit_guard.sidecar.server import serve as serving
from iiniit_guard.sidecar.server import start, worker
from iiniit_guard.sidecar.server.serve import make_server, run
from iiniit_guard.sidecar.server.supervisor import Supervisor
from iiniit_guard.sidecar.settings.listeners import open_sockets
from iiniit_guard.sidecar.settings.sidecar_settings import read_settings
from iiniit_guard.sidecar.sidecar import Sidecar
from tests.integration.sidecar.in_process import ended, in_a_thread
from tests.integration.sidecar.processes import Site

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.usefixtures("hangups")]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.parametrize("without", [None, "uvloop", "httptools"])
def test_one_process_serves_and_ends(site, monkeypatch, without):
    monkeypatch.setattr(serving, "find_spec", lambda name: None if name == without else object())

    def ask():
        site.wait_until_ready()
        token = site.issuer.token()
        connection = site.connection()
        first = [site.ask(token, connection=connection) for _ in range(3)]
        site.write("PATCH")
        os.kill(os.getpid(), signal.SIGHUP)
        site.wait_until(lambda: site.ask(token, connection=connection) == 403)
        connection.close()
        return first

    outcome, thread = in_a_thread(ask)
    start.serve(site.file, {})
    assert ended(outcome, thread) == [200, 200, 200]
    assert list(site.directory.glob("*.sock")) == []


def test_who_asks_twice_does_not_wait(site):
    """A request hangs forever; the second signal ends the process anyway."""

    def hang():
        site.wait_until_ready()
        connection = site.connection()
        connection.putrequest("POST", "/introspect")
        connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", "10")
        connection.endheaders()
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.3)
        connection.close()

    introspection_clients = (
        f'[[introspection_clients]]\nid = "a"\nsecret_hash = "sha256:{"0" * 64}"\naudiences = '
        f'["{site.issuer.audience}"]\n'
    )
    site.file.write_text(site.file.read_text() + introspection_clients)
    outcome, thread = in_a_thread(hang, ends=False)
    begun = time.monotonic()
    start.serve(site.file, {})
    assert time.monotonic() - begun < 8
    ended(outcome, thread)


def test_listeners_may_be_left_out(site):
    site.file.write_text(
        site.file.read_text()
        .replace(f'"{site.place("public")}"', "[]")
        .replace(f'"{site.place("admin")}"', "[]")
    )
    outcome, thread = in_a_thread(
        lambda: (
            site.wait_until_ready(),
            sorted(path.name for path in site.directory.glob("*.sock")),
        )[1]
    )
    start.serve(site.file, {})

    assert ended(outcome, thread) == ["gateway.sock"]


def test_a_worker_ends_with_its_parent(site, tmp_path):
    (tmp_path / "worker_stats").mkdir()
    reading, writing = os.pipe()
    (opened,) = open_sockets([site.place("gateway")])
    told = {
        "file": str(site.file),
        "worker_stats": str(tmp_path / "worker_stats"),
        "name": "worker-1",
        "sockets": {"gateway": [opened.detach()]},
    }

    def ask():
        site.wait_until_ready()
        os.close(writing)

    thread = threading.Thread(target=ask)
    thread.start()
    worker.work(told, reading)
    thread.join()
    os.close(reading)
    assert (tmp_path / "worker_stats" / "worker-1.json").exists()


def test_a_worker_takes_what_it_is_told_from_its_command_line(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["worker", "{"])
    with pytest.raises(json.JSONDecodeError):
        runpy.run_path(str(worker.__file__), run_name="__main__")
    monkeypatch.setattr(sys, "argv", ["worker", '{"name": "worker-1"}'])
    seen = []
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: 7))
    monkeypatch.setattr(worker, "work", lambda *told: seen.append(told))
    worker.main()
    assert seen == [({"name": "worker-1"}, 7)]


def test_several_workers_are_supervised(site, monkeypatch):
    seen: dict[str, Any] = {}

    class Told(Supervisor):
        async def run(self):
            seen["command"] = self._command("worker-1")
            seen["workers"] = self._workers

    monkeypatch.setattr(start, "Supervisor", Told)
    start.serve(site.file, {"workers": 3})
    told = json.loads(seen["command"][-1])

    assert seen["workers"] == 3
    assert seen["command"][1:4] == ["-P", "-m", "iiniit_guard.sidecar.server.worker"]
    assert (told["file"], told["name"], set(told["sockets"])) == (
        str(site.file),
        "worker-1",
        {"gateway", "public", "admin"},
    )


class Writing:
    """The attributes of uvicorn's cycle that `write_whole` uses."""

    def __init__(self, **changes):
        self.flow = SimpleNamespace(write_paused=changes.pop("paused", False))
        self.written, self.ended = [], []
        self.transport = SimpleNamespace(write=self.written.append)
        self.message_event = asyncio.Event()
        self.disconnected, self.keep_alive, self.response_started, self.default_headers = (
            False,
            True,
            False,
            [],
        )
        self.waiting_for_100_continue, self.response_complete = True, False
        for name, value in changes.items():
            setattr(self, name, value)

    def on_response(self):
        self.ended.append(True)


def test_an_answer_is_written_whole_where_nothing_stands_against_it():
    cycle = Writing()

    assert wire.write_whole(cycle, b"answer")
    assert (cycle.written, cycle.ended, cycle.response_complete) == ([b"answer"], [True], True)
    for changes in (
        {"paused": True},
        {"disconnected": True},
        {"keep_alive": False},
        {"default_headers": [1]},
        {"response_started": True},
    ):
        cycle = Writing(**changes)
        assert not wire.write_whole(cycle, b"answer")
        assert (cycle.written, cycle.ended) == ([], [])


@pytest.mark.checkout
def test_the_uvicorn_of_the_constraints_was_looked_at():
    """Another release: read its `RequestResponseCycle.send` and `on_response_complete`, then add it
    to `LOOKED_AT`.
    """
    assert wire.find_cycle_type() is not None


def test_a_uvicorn_that_nobody_looked_at_is_left_to_write_itself(monkeypatch):
    import uvicorn

    monkeypatch.setattr(uvicorn, "__version__", "99.1.0")
    assert wire.find_cycle_type() is None
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    assert wire.find_cycle_type() is None


def test_both_ways_of_writing_put_the_same_bytes_on_the_wire(site, monkeypatch):
    def raw_answers():
        site.wait_until_ready()
        token = site.issuer.token()
        assert site.ask(token) == 200
        answers = []
        for last in (
            "",
            "Connection: close\r\n",
        ):  # a response that closes the connection is sent through ASGI
            with socket.socket(socket.AF_UNIX) as raw:
                raw.settimeout(20)
                raw.connect(str(site.directory / "gateway.sock"))
                original = (
                    "X-Original-Method: GET\r\nX-Original-URI: "
                    "/v1/user/profile\r\nX-Original-Proto: https\r\nX-Original-Host: a\r\n"
                )
                raw.sendall(
                    (
                        f"GET /auth HTTP/1.1\r\nHost: "
                        f"guard\r\n{original}{last}Authorization: Bearer {token}\r\n\r\n"
                    ).encode()
                )
                answers.append(raw.recv(65536))
        return answers

    outcome, thread = in_a_thread(raw_answers)
    start.serve(site.file, {})
    whole, by_asgi = ended(outcome, thread)
    assert by_asgi.replace(b"connection: close\r\n", b"") == whole
    assert b"x-iiniit-subject: user-1\r\n" in whole


def test_the_server_believes_no_header_about_its_peer():
    config = make_server(AsyncMock(), "gateway", 5).config

    assert (config.proxy_headers, config.ws, config.lifespan, config.access_log) == (
        False,
        "none",
        "off",
        False,
    )


def test_a_process_without_listeners_ends_at_once(site):
    run(Sidecar(lambda: read_settings(site.file)), {})

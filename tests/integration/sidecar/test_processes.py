"""`iiniit-guard serve` as a process: listeners, signals, workers, and no dropped request."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.sidecar.processes import Site

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_three_listeners_and_a_stop_that_leaves_nothing_behind(site):
    with site.served() as process:
        assert site.ask(site.issuer.token()) == 200
        assert site.ask("junk") == 403
        assert site.get("/jwks", "public")[0] == 200
        assert site.get("/", "admin", {"Host": "localhost"})[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0

    assert list(site.directory.glob("*.sock")) == []
    assert "Traceback" not in site.log


def test_it_starts_in_under_a_second_of_work(site):
    with site.served() as process:
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        seconds = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    assert seconds < 1.5, (
        "measured as processor time, since this machine may be busy with other tests"
    )


def test_tcp_by_the_command_line(site):
    port = free_port()
    with site.served("--bind", f"127.0.0.1:{port}", "--bind", site.place("gateway")):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/auth")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (403, b"")
        assert answer.headers["X-Iiniit-Answer"]
        connection.close()


def test_a_kept_connection_lives_through_reloads(site):
    token = site.issuer.token()
    with site.served() as process:
        connection = site.connection()
        assert site.ask(token, connection=connection) == 200
        site.write("PATCH")
        process.send_signal(signal.SIGHUP)
        site.wait_until(lambda: site.ask(token, connection=connection) == 403)
        assert site.ask(token, "PATCH", connection=connection) == 200
        site.write(top="colour = 1\n")
        process.send_signal(signal.SIGHUP)
        site.wait_until(lambda: "colour: unknown setting" in site.log)
        assert site.ask(token, "PATCH", connection=connection) == 200
        connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_request_is_dropped_while_settings_change(site, workers):
    token = site.issuer.token()
    outcomes = []
    done = threading.Event()

    def ask_all_the_time():
        connection = site.connection()
        while not done.is_set():
            outcomes.append(site.ask(token, connection=connection))
        connection.close()

    with site.served("--workers", workers) as process:
        askers = [threading.Thread(target=ask_all_the_time) for _ in range(4)]
        for asker in askers:
            asker.start()
        for number in range(5):
            site.write(top=f'realm = "realm {number}"\n')
            process.send_signal(signal.SIGHUP)
            site.wait_until(
                lambda wanted=(number + 1) * int(workers): (
                    site.log.count("settings were reloaded") >= wanted
                )
            )
        done.set()
        for asker in askers:
            asker.join()

    assert set(outcomes) == {200}
    assert len(outcomes) > 50


def test_a_stop_finishes_what_has_begun(site):
    credentials = 'introspection_client_id = "a"\nintrospection_client_secret = "b"\n'
    site.write(top=f'introspection_endpoint = "http://127.0.0.1:1/introspect"\n{credentials}')
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()
        slow.settimeout(20)
        site.file.write_text(
            site.file.read_text().replace("127.0.0.1:1/", f"127.0.0.1:{slow.getsockname()[1]}/")
        )
        with site.served() as process:
            outcome = []
            asker = threading.Thread(target=lambda: outcome.append(site.ask("opaque")))
            asker.start()
            upstream, _ = slow.accept()
            process.send_signal(signal.SIGTERM)
            site.wait_until(lambda: not can_connect(site))
            body = (
                b'{"active": true, "scope": "user:read", "aud": "https://api.test", "exp": '
                b"4000000000}"
            )
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                f"{len(body)}\r\n\r\n"
            )
            upstream.recv(65536)
            upstream.sendall(head.encode() + body)
            asker.join()
            upstream.close()
            assert process.wait(15) == 0

    assert outcome == [200]


def can_connect(site):
    connection = site.connection()
    try:
        connection.connect()
    except OSError:
        return False
    connection.close()
    return True


def test_workers_share_sockets_and_numbers_and_are_replaced(site):
    token = site.issuer.token()
    with site.served("--workers", "2") as process:
        site.wait_until(
            lambda: b'"workers":2' in site.get("/status.json", "admin", {"Host": "localhost"})[1]
        )
        children = children_of(process.pid)
        assert len(children) == 2
        for _ in range(20):
            assert site.ask(token) == 200
        site.wait_until(lambda: counted(site) >= 20)
        told = (
            time.monotonic() + 1.5
        )  # they publish statistics once a second; a killed worker loses the unpublished ones
        site.wait_until(lambda: time.monotonic() > told)
        os.kill(children[0], signal.SIGKILL)
        site.wait_until(lambda: len(set(children_of(process.pid)) - set(children)) == 1)
        site.wait_until(lambda: site.ask(token) == 200)
        assert counted(site) >= 20, "what a worker counted outlives it"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert children_of(process.pid) == []

    assert "ended with status -9; a new one starts" in site.log
    assert list(site.directory.glob("*.sock")) == []


def counted(site):
    import json

    counts = json.loads(site.get("/status.json", "admin", {"Host": "localhost"})[1])["total"][
        "counts"
    ]
    return sum(number for decision, _, _, number in counts if decision == "allow")


def children_of(pid):
    listed = [task / "children" for task in Path(f"/proc/{pid}/task").glob("*")]
    return sorted(int(child) for file in listed for child in file.read_text().split())


def test_workers_end_with_their_parent(site):
    with site.served("--workers", "2") as process:
        children = children_of(process.pid)
        process.kill()
        process.wait()
        site.wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_faults_keep_it_from_starting(site):
    import subprocess
    import sys

    site.write(top="colour = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "iiniit_guard.cli", "serve", "--config", str(site.file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "colour: unknown setting in a file" in done.stderr
    assert "Traceback" not in done.stderr

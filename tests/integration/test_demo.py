"""`python -m examples.demo` as a process: it starts, reports errors, and ends without leaving
processes or files.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from examples.demo import plan_from
from examples.stack import StackError

ROOT = Path(__file__).resolve().parents[2]
PORTS = 6  # client, authorization server, the API twice, the gateway, and the browser client
GATEWAY = 4


def block_of_free_ports() -> int:
    """Return a port that is free together with the next ones, outside the ports of clients and of
    the gateway tests.

    The port is random, because two workers of xdist that search in order would find the same ones.
    """
    while True:
        base = secrets.choice(range(10_000, 20_000 - PORTS))
        with ExitStack() as stack, suppress(OSError):
            for port in range(base, base + PORTS):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return base


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def demo(port: int, **environ: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        # As a script's `&` starts it: with SIGINT ignored, which Python leaves so.
        ["sh", "-c", 'trap "" INT; exec "$0" -m examples.demo', sys.executable],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "GATEWAY": "no", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    text = ""
    while "Stop:" not in text:
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        text += line
    return text


@pytest.mark.parametrize(
    ("number", "api"), [(signal.SIGINT, "django"), (signal.SIGTERM, "starlette")]
)
def test_begins_and_ends(number: signal.Signals, api: str) -> None:
    port = block_of_free_ports()
    with demo(port, API=api, TOKEN="opaque") as process:
        text = announced(process)
        assert f"http://127.0.0.1:{port}\n" in text
        assert "Sign in   demo" in text
        assert f"profile API, {api}, jwt=verify" in text
        # Announced means healthy: everything answers at once.
        assert all(is_open(port + offset) for offset in range(PORTS) if offset != GATEWAY)
        assert "This demo was started without its gateway." in text
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert "The demo has stopped." in out
        assert not any(is_open(port + offset) for offset in range(PORTS))


def test_nothing_outlives_it(tmp_path: Path) -> None:
    port = block_of_free_ports()
    with demo(
        port, API="flask", GATEWAY="yes", TMPDIR=str(tmp_path)
    ) as process:  # killed, it cannot remove its directory
        assert f"http://127.0.0.1:{port + 4}  nginx, which asks" in announced(process)
        assert is_open(port + 4)
        process.kill()
        limit = time.monotonic() + 10
        while any(is_open(port + offset) for offset in range(PORTS)):
            assert time.monotonic() < limit
            time.sleep(0.05)


def process_of(role: str, port: int) -> int:
    wanted = ["examples.serve", role, str(port)]
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may have ended meanwhile
            if (place / "cmdline").read_text().split("\0")[-4:-1] == wanted:
                return int(place.name)
    raise AssertionError(f"no process serves {role} on {port}")


@pytest.mark.parametrize(
    ("number", "role", "offset", "how"),
    [
        (signal.SIGKILL, "authorization_server", 1, "by signal 9 (Killed)"),
        (signal.SIGTERM, "flask", 2, "with exit code 0"),
        (signal.SIGKILL, "client", 0, "by signal 9 (Killed)"),
    ],
)
def test_a_process_that_ends_by_itself_is_named_and_ends_the_others(
    number: signal.Signals, role: str, offset: int, how: str
) -> None:
    port = block_of_free_ports()
    with demo(port, API="flask") as process:
        announced(process)
        os.kill(process_of(role, port + offset), number)
        _, err = process.communicate(timeout=20)
        assert not any(is_open(port + offset) for offset in range(PORTS))
    assert process.returncode == 1
    assert (
        err
        == f"demo: {role} ended {how}; its messages, if any, are above. The others are ended too.\n"
    )


def test_a_process_that_cannot_begin_is_named_with_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif sys.orig_argv[-2:-1] == ['flask']:\n    os._exit(7)\n"
    )
    port = block_of_free_ports()
    with demo(port, API="flask", PYTHONPATH=str(tmp_path)) as process:
        out, err = process.communicate(timeout=30)
        assert not any(is_open(port + offset) for offset in range(PORTS))
    assert (process.returncode, out) == (1, "")
    assert err == (
        "demo: flask ended with exit code 7; its messages, if any, are above. The others "
        "are ended too.\n"
    )


def test_port_in_use() -> None:
    port = block_of_free_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + 1))
        other.listen()
        with demo(port) as process:
            out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert err == (
        f"demo: these ports are in use on 127.0.0.1: {port + 1} (authorization_server). "
        f"Choose others: make demo PORT=9100\n"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"API": "bottle"},
        {"TOKEN": "paper"},
        {"PORT": "80"},
        {"PORT": "x"},
        {"PORT": "²"},
        {"GATEWAY": "caddy"},
    ],
)
def test_something_that_does_not_exist_is_asked_for(wrong: dict[str, str]) -> None:
    with pytest.raises(StackError, match=next(iter(wrong))):
        plan_from(wrong)


def test_everything_can_be_asked_for() -> None:
    plan = plan_from({"API": "all", "TOKEN": "opaque", "PORT": "9100"})
    assert plan.process_names() == [
        "authorization_server",
        "flask",
        "django",
        "starlette",
        "fastapi",
        "introspecting",
        "client",
        "browser",
    ]
    assert plan.ports == {
        "client": 9100,
        "authorization_server": 9101,
        "flask": 9102,
        "django": 9103,
        "starlette": 9104,
        "fastapi": 9105,
        "introspecting": 9106,
        "browser": 9108,
    }
    assert plan.gateway_port == 9107
    assert plan_from({"GATEWAY": "no"}).gateway_port is None
    assert (plan.token_kind, plan_from({}).ports["client"]) == ("opaque", 9000)


def test_a_taken_port_of_the_gateway_does_not_stop_the_demo() -> None:
    port = block_of_free_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + 4))
        other.listen()
        with demo(port, GATEWAY="yes") as process:
            text = announced(process)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
    assert f"Port {port + 4} is in use. Choose others: make demo PORT=9100" in text
    assert process.returncode == 0

"""Real servers on loopback, the load on another core, and the CPU time of a request."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORE: Final = _CORES[0]
LOAD_CORE: Final = _CORES[-1]


class Server:
    """A server process, with its children, on the servers' core.

    Args:
        command: What to run.
        port: Where it will listen.
        log: Where its output goes.
    """

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.port = port
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *command],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait(self) -> Self:
        """Wait until the server listens.

        Raises:
            RuntimeError: The server exited, or 20 s passed; the message has the end of its output.
        """
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(
            f"no server on port {self.port}: {self._log.read_text(errors='replace')[-800:]}"
        )

    @property
    def cpu_seconds(self) -> float:
        """CPU time so far, of the process and all below it."""
        return sum(_cpu_seconds(pid) for pid in _family(self._process.pid))

    def stop(self) -> None:
        """Stop the server and its children."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def __enter__(self) -> Self:
        return self.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime, stime: proc(5)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return [pid]
    return [pid, *(member for child in children for member in _family(int(child)))]


def free_port() -> int:
    """Return a port on which no server listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def load(url: str, seconds: int, script: Path) -> int:
    """Send the requests of `script` (Lua, for wrk); return how many were answered with 200.

    Raises:
        RuntimeError: Some requests were refused, or had no response.
    """
    done = subprocess.run(
        [
            "taskset",
            "-c",
            str(LOAD_CORE),
            "wrk",
            "-t1",
            "-c16",
            f"-d{seconds}s",
            "-s",
            str(script),
            url,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"{url}: {done.stdout}")
    answered = re.search(r"(\d+) requests in", done.stdout)
    return int(answered[1]) if answered else 0


def lua_script(path: Path, tokens: Sequence[str]) -> Path:
    """Return a script for wrk that sends one token after the other."""
    listed = ",\n".join(f'"Bearer {token}"' for token in tokens)
    path.write_text(
        f"local tokens = {{{listed}}}\nlocal turn = 0\nlocal made = {{}}\n"
        "function init()\n  for number, token in ipairs(tokens) do\n"
        '    made[number] = wrk.format("GET", nil, {["Authorization"] = token, ["Accept"] = '
        '"application/json"})\n  end\nend\n'
        "function request()\n  turn = turn % #made + 1\n  return made[turn]\nend\n"
    )
    return path


def cpu_per_request(servers: Sequence[Server], url: str, seconds: int, script: Path) -> float:
    """Return the CPU time of `servers` for one request."""
    before = sum(server.cpu_seconds for server in servers)
    answered = load(url, seconds, script)
    return (sum(server.cpu_seconds for server in servers) - before) / max(1, answered)

"""The gateway of the demo: nginx, `iiniit-guard serve`, and a profile API without a guard.

`python -m examples.gateway_site DIRECTORY` runs all three, with the files of `prepare_site`. nginx
runs the file of the recipe in `examples/gateways/nginx`, with other places and a log of what it
asked the guard. All of them end when standard input ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from examples.ports import is_free
from examples.serve import HOST, end_with_parent

RECIPE = Path(__file__).resolve().parent / "gateways" / "nginx" / "nginx.conf"
LOG, GUARD_LOG = "gateway.log", "guard.log"
_NEEDED = "--with-http_auth_request_module"
# The log of the demo: what nginx asked the guard and what it forwarded. Neither holds a token.
_LOG = """
    log_format asked escape=json '{"call": "$http_x_request_id", "part": "guard", \
"status": "$upstream_status", "seconds": "$upstream_response_time", "method": "$request_method", \
"uri": "$path_as_sent", "host": "$http_host", "subject": "$upstream_http_x_iiniit_subject", \
"client": "$upstream_http_x_iiniit_client", "scope": "$upstream_http_x_iiniit_scope", \
"answer": "$upstream_http_x_iiniit_answer"}';
    log_format forwarded escape=json '{"call": "$http_x_request_id", "part": "api", \
"status": "$status", "upstream": "$upstream_addr", "subject": "$iiniit_subject", \
"client": "$iiniit_client", "scope": "$iiniit_scope"}';
"""


def find_nginx() -> str | None:
    """Return the path of nginx, also where only root has its directory in `PATH`."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def prepare_site(directory: Path, port: int | None, guard: Mapping[str, object]) -> str:
    """Write the files of the three processes, if they can run.

    Args:
        directory: A directory that only this user can read.
        port: Of the gateway, on loopback; None for no gateway.
        guard: The settings of the guard.

    Returns:
        Why the gateway cannot run and what to do about it; empty if it can.
    """
    if port is None:
        return "This demo was started without its gateway."
    if not is_free(port):
        return f"Port {port} is in use. Choose others: make demo PORT=9100"
    reason = _obstacle()
    if not reason:
        _write_site(directory, port, guard)
    return reason


def _obstacle() -> str:
    nginx = find_nginx()
    if nginx is None:
        return (
            "nginx is not installed. Install it (Debian and Ubuntu: sudo apt-get install "
            "nginx-light, macOS: brew install nginx), then start the demo again."
        )
    if _NEEDED not in _build_of(nginx):
        return f"{nginx} has no auth_request. Install a build with {_NEEDED}, then start again."
    return ""


def _write_site(directory: Path, port: int, guard: Mapping[str, object]) -> None:
    (directory / "nginx.conf").write_text(_nginx_conf(directory, port), encoding="utf-8")
    # JSON texts, numbers and lists of texts are TOML values too.
    lines = [f"{name} = {json.dumps(value)}" for name, value in guard.items()]
    (directory / "guard.toml").write_text(
        "\n".join(
            [
                'gateway = "nginx"',
                *lines,
                "[server]",
                f'bind = "unix:{directory}/guard.sock"',
                f'public_bind = "unix:{directory}/public.sock"',
                f'admin_bind = "unix:{directory}/admin.sock"',
                'trusted_proxies = ["unix"]',
                'log = "all"',
                "stop_seconds = 1",
                *_rule("GET", "/v1/user/profile", 'scope = "user:read"'),
                *_rule("PATCH", "/v1/user/profile", 'scope = "user:write"'),
                *_rule("GET", "/healthz", "public = true"),
            ]
        ),
        encoding="utf-8",
    )


def _rule(method: str, path: str, policy: str) -> list[str]:
    return ["[[rules]]", f'method = "{method}"', f'path = "{path}"', policy]


def _nginx_conf(directory: Path, port: int) -> str:
    text = RECIPE.read_text(encoding="utf-8")
    temporary = "".join(
        f"    {name}_temp_path {directory}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        if f"--without-http_{name}_module" not in _build_of(find_nginx() or "")
    )
    changes = {
        "worker_processes auto;": "worker_processes 1;" + ("\nuser root;" if _is_root() else ""),
        "/run/nginx.pid": f"{directory}/nginx.pid",
        "/var/log/nginx/error.log": f"{directory}/nginx-error.log",
        "access_log /var/log/nginx/access.log without_query;": (
            f"{_LOG}    access_log {directory}/{LOG} forwarded;\n{temporary}"
        ),
        "server 127.0.0.1:8080 ": f"server unix:{directory}/guard.sock ",
        "server 127.0.0.1:3000;": f"server unix:{directory}/api.sock;",
        "http://127.0.0.1:8081;": f"http://unix:{directory}/public.sock;",
        "listen 127.0.0.1:8000;": f"listen {HOST}:{port};",
        "            proxy_pass http://iiniit_guard/auth;": (
            f"            log_subrequest on;\n            access_log {directory}/{LOG} asked;\n"
            "            proxy_pass http://iiniit_guard/auth;"
        ),
    }
    for before, after in changes.items():
        text = text.replace(before, after)
    return text


def _is_root() -> bool:
    # nginx as root gives its worker to another user, who cannot enter the private directory.
    return os.geteuid() == 0


def _build_of(nginx: str) -> str:
    with contextlib.suppress(OSError):
        return subprocess.run([nginx, "-V"], capture_output=True, text=True, check=False).stderr
    return ""


def commands(directory: Path) -> dict[str, list[str]]:
    """Return the command line of each process."""
    error_log = str(directory / "nginx-error.log")
    nginx = [find_nginx() or "nginx", "-c", str(directory / "nginx.conf"), "-e", error_log]
    return {
        "api": [sys.executable, "-m", "examples.serve", "plain", f"unix:{directory}/api.sock"],
        "guard": [
            *(sys.executable, "-m", "iiniit_guard.cli", "serve"),
            *("--config", str(directory / "guard.toml")),
        ],
        "nginx": [*nginx, "-g", "daemon off;"],
    }


def main() -> int:
    """Run the processes until standard input ends, SIGTERM comes, or one of them ends.

    Returns:
        The exit status: 1 if one of them ended by itself.
    """
    directory = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    end_with_parent()
    running: list[subprocess.Popen[bytes]] = []
    try:
        with (directory / GUARD_LOG).open("wb") as log:
            for name, command in commands(directory).items():
                errors = log if name == "guard" else None
                running.append(
                    subprocess.Popen(command, stdin=subprocess.PIPE, stdout=errors, stderr=errors)
                )
        while all(process.poll() is None for process in running):
            time.sleep(0.2)
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for process in running:
            process.terminate()
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
            process.kill()


def lines_about(path: Path, call: str) -> list[dict[str, str]]:
    """Return the lines of the log of nginx about one call, by the `X-Request-Id` of the client."""
    lines = path.read_text(encoding="utf-8").splitlines()[-50:] if path.exists() else []
    parsed = [json.loads(line) for line in lines if re.match(r"\{.*\}$", line)]
    return [line for line in parsed if line["call"] == call]


if __name__ == "__main__":
    sys.exit(main())

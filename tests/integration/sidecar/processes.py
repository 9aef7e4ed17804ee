"""Real processes of `iiniit-guard serve`, called over Unix sockets, and what a client
sees of them.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import question

ROOT = Path(__file__).parents[3]
RULE = '[[rules]]\nmethod = "{method}"\npath = "/v1/user/profile"\nscope = "user:read"\n'


class UnixConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


class Site:
    """A directory with guard.toml, its keys and its sockets."""

    def __init__(self, directory):
        self.directory = directory
        self.issuer = Issuer()
        (directory / "jwks.json").write_text(json.dumps(self.issuer.jwk_set()))
        self.file = directory / "guard.toml"
        self.write()

    def write(self, method="GET", *, top="", server=""):
        self.file.write_text(
            f'gateway = "nginx"\nissuer = "{self.issuer.issuer}"\naudience = '
            f'"{self.issuer.audience}"\n'
            f'jwks_file = "{self.directory / "jwks.json"}"\n{top}'
            f'[server]\nbind = "{self.place("gateway")}"\npublic_bind = '
            f'"{self.place("public")}"\nadmin_bind = "{self.place("admin")}"\n'
            f"stop_seconds = 10\n{server}" + RULE.format(method=method)
        )

    def place(self, listener):
        return f"unix:{self.directory / listener}.sock"

    def connection(self, listener="gateway"):
        return UnixConnection(self.directory / f"{listener}.sock")

    def get(self, path, listener="gateway", headers=(), connection=None):
        one = connection or self.connection(listener)
        one.request("GET", path, headers=dict(headers))
        answer = one.getresponse()
        body = answer.read()
        if connection is None:
            one.close()
        return answer.status, body

    def ask(self, token, method="GET", connection=None):
        _, path, _, lines = question("nginx", method, "/v1/user/profile")
        headers = {name.decode(): value.decode() for name, value in lines if name != b"host"}
        return self.get(
            path, headers={**headers, "Authorization": f"Bearer {token}"}, connection=connection
        )[0]

    def wait_until(self, condition, seconds=20):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError("it did not happen in time")

    def wait_until_ready(self):
        self.wait_until(lambda: self.get("/readyz")[0] == 200)

    @contextmanager
    def served(self, *options):
        log = self.directory / "log"
        with log.open("w") as written:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "iiniit_guard.cli",
                    "serve",
                    "--config",
                    str(self.file),
                    *options,
                ],
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=written,
                stderr=written,
            )
        try:
            self.wait_until_ready()
            yield process
        except AssertionError as error:
            raise AssertionError(log.read_text()) from error
        finally:
            process.kill()
            process.wait()

    @property
    def log(self):
        return (self.directory / "log").read_text()

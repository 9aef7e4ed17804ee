"""Tokens bound to a client certificate, over real TLS: gunicorn alone, and nginx in front of it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from tests.integration.faults.real_issuer import MachineTime, RealIssuer
from tests.integration.faults.serving import ASGI, ROOT, WSGI
from tests.integration.servers.certificates import Authority, Certificate
from tests.integration.servers.loopback import closed_port

NGINX: Final = """
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log crit;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {directory}/server.pem; ssl_certificate_key {directory}/key.pem;
        ssl_verify_client optional_no_ca;
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
        }}
    }}
}}
"""
SERVER_OF: Final[dict[str, tuple[str, ...]]] = {
    "gunicorn behind nginx": ("gunicorn", "--bind", "127.0.0.1:{port}", WSGI),
    "uvicorn behind nginx": (
        *("uvicorn", "--log-level", "warning", "--no-proxy-headers", "--port", "{port}"),
        ASGI,
    ),
}
GUNICORN: Final[tuple[str, ...]] = (
    *("gunicorn", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "2"),
    *("--certfile", "{directory}/server.pem", "--keyfile", "{directory}/key.pem"),
    *("--ca-certs", "{ca}", "--cert-reqs", "1"),  # ssl.CERT_OPTIONAL
    WSGI,
)


@dataclass
class Site:
    """An application with TLS, its authorization server and the authority of its clients."""

    port: int
    issuer: RealIssuer
    authority: Authority

    def get(
        self,
        certificate: Certificate | None = None,
        token: str = "",
        path: str = "/me",
        **fields: str,
    ) -> tuple[int, str | None]:
        """Make one request; return its status, and the reason of a refusal."""
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        if certificate is not None:
            context.load_cert_chain(certificate.certificate_file, certificate.key_file)
        connection = http.client.HTTPSConnection(
            "localhost", self.port, context=context, timeout=20
        )
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}", **headers})
            answer = connection.getresponse()
            body: Any = json.loads(answer.read() or b"null")
        finally:
            connection.close()
        return answer.status, None if answer.status == 200 else body["reason"]


@contextlib.contextmanager
def process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("ab") as said:
        running = subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
            stdout=said,
            stderr=said,
        )
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@pytest.fixture(scope="module", params=["gunicorn", *SERVER_OF])
def site(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("mtls")
    authority, port, upstream = Authority(directory), closed_port(), closed_port()
    server = authority.issue("localhost", "127.0.0.1")
    shutil.copy(server.certificate_file, directory / "server.pem")
    shutil.copy(server.key_file, directory / "key.pem")
    with RealIssuer(clock=MachineTime()) as issuer, contextlib.ExitStack() as stack:
        places = {"directory": directory, "ca": authority.ca_file}
        if request.param == "gunicorn":
            command, settings = GUNICORN, {"client_certificate": "tls"}
            places["port"] = port
        else:
            command = SERVER_OF[request.param]
            settings = {"client_certificate": "nginx", "trusted_proxies": "127.0.0.1"}
            places["port"] = upstream
            conf = directory / "nginx.conf"
            conf.write_text(NGINX.format(directory=directory, port=port, upstream=upstream))
            nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
            assert nginx is not None
            stack.enter_context(
                process([nginx, "-c", str(conf), "-e", "stderr"], {}, directory / "nginx.log")
            )
        parts = [part.format(**places) for part in command]
        environment = issuer.environment(**settings)
        log = directory / "server.log"
        stack.enter_context(process([sys.executable, "-m", *parts], environment, log))
        made = Site(port, issuer, authority)
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                if made.get(path="/healthz")[0] == 200:
                    break
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield made


def binding_to(certificate: Certificate) -> tuple[dict[str, str], bytes]:
    der = ssl.PEM_cert_to_DER_cert(Path(certificate.certificate_file).read_text())
    digest = urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    return {"x5t#S256": digest}, der


def test_a_bound_token_needs_the_certificate_of_its_connection(site):
    own, other = site.authority.issue("client-1"), site.authority.issue("client-2")
    cnf, _ = binding_to(own)
    for mint in (site.issuer.issuer.token, site.issuer.issuer.opaque_token):
        token = mint(cnf=cnf)
        assert site.get(own, token) == (200, None)
        assert site.get(own, token) == (200, None), "from the cache"
        assert site.get(other, token) == (401, "wrong_certificate")
        assert site.get(None, token) == (401, "no_certificate")


def test_the_word_of_a_client_counts_for_nothing(site):
    own = site.authority.issue("client-1")
    cnf, der = binding_to(own)
    pem = quote(Path(own.certificate_file).read_text())
    lies = {"X_SSL_Client_Cert": pem, "Client_Cert": f":{b64encode(der).decode()}:"}
    token = site.issuer.issuer.token(cnf=cnf)

    assert site.get(None, token, **lies) == (401, "no_certificate")
    assert site.get(site.authority.issue("client-2"), token, **lies) == (401, "wrong_certificate")
    assert site.get(None, token, SSL_CLIENT_CERT=pem) == (401, "no_certificate")


def test_a_bearer_token_needs_no_certificate(site):
    token = site.issuer.issuer.token()

    assert site.get(None, token) == site.get(site.authority.issue("client-1"), token) == (200, None)

"""A gateway whose listener has TLS and requests client certificates."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import time
from pathlib import Path
from typing import Any, Final

from tests.integration.gateways.recipes import GATEWAY_PORT, Recipe
from tests.integration.gateways.world import World
from tests.integration.servers.certificates import Authority, Certificate

_TLS_SECONDS: Final = 30.0

# What a listener needs beside the recipe: file, text of the recipe, and its replacement. {port} is
# the port of the gateway, {server} its certificate, {key} its key, {both} the two in one file, {ca}
# the authority of the clients.
LISTENERS: Final[dict[str, list[tuple[str, str, str]]]] = {
    "nginx": [
        (
            "nginx.conf",
            "listen 127.0.0.1:{port};",
            (
                "listen 127.0.0.1:{port} ssl; ssl_certificate {server}; ssl_certificate_key {key}; "
                "ssl_client_certificate {ca}; ssl_verify_client optional;"
            ),
        )
    ],
    "haproxy": [
        (
            "haproxy.cfg",
            "bind 127.0.0.1:{port} proto h1",
            "bind 127.0.0.1:{port} ssl crt {both} alpn http/1.1 ca-file {ca} verify optional",
        )
    ],
    "caddy": [
        (
            "Caddyfile",
            ":{port} {{\n\tbind 127.0.0.1\n",
            (
                "https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {server} {key} {{\n"
                "\t\tclient_auth {{\n\t\t\tmode verify_if_given\n\t\t\ttrusted_ca_cert_file {ca}\n"
                "\t\t}}\n\t}}\n"
            ),
        ),
        ("Caddyfile", "\tauto_https off", "\tauto_https disable_redirects"),
    ],
    "apache": [
        (
            "apache2.conf",
            "LoadModule proxy_module",
            "LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\nLoadModule proxy_module",
        ),
        (
            "apache2.conf",
            "    LuaScope thread",
            (
                '    SSLEngine on\n    SSLCertificateFile "{server}"\n'
                '    SSLCertificateKeyFile "{key}"\n    SSLCACertificateFile "{ca}"\n'
                "    SSLVerifyClient optional\n    LuaScope thread"
            ),
        ),
    ],
    "envoy": [
        (
            "envoy.yaml",
            "        - filters:\n            - name: envoy.filters.network.http",
            (
                "        - transport_socket:\n            name: envoy.transport_sockets.tls\n"
                "            typed_config:\n"
                '              "@type": type.googleapis.com/envoy.extensions.transport_sockets'
                ".tls.v3.DownstreamTlsContext\n"
                "              common_tls_context:\n                tls_certificates:\n"
                '                  - {{ certificate_chain: {{ filename: "{server}" }}, '
                'private_key: {{ filename: "{key}" }} }}\n'
                '                validation_context: {{ trusted_ca: {{ filename: "{ca}" }} }}\n'
                "          filters:\n            - name: envoy.filters.network.http"
            ),
        )
    ],
    "traefik": [
        (
            "traefik.yml",
            '    address: "127.0.0.1:{port}"\n    http:\n',
            '    address: "127.0.0.1:{port}"\n    http:\n      tls: {{}}\n',
        ),
        (
            "dynamic.yml",
            'middlewares: ["clean", "no-upgrade", "guard", "judged"]',
            'middlewares: ["clean", "no-upgrade", "certificate", "guard", "judged"]',
        ),
        # forwardAuth passes the certificate on only with trustForwardHeader. Then nothing else of
        # this kind may come from the client.
        ("dynamic.yml", "trustForwardHeader: false", "trustForwardHeader: true"),
        (
            "dynamic.yml",
            '          X-Original-Method: ""\n',
            (
                '          X-Original-Method: ""\n'
                '          X-Forwarded-Method: ""\n          X-Forwarded-Uri: ""\n'
                '          X-Forwarded-Proto: ""\n          X-Forwarded-Host: ""\n'
            ),
        ),
        (
            "dynamic.yml",
            "http:\n  routers:",
            (
                'tls:\n  certificates:\n    - {{ certFile: "{server}", keyFile: "{key}" }}\n'
                "  options:\n    default:\n      clientAuth:\n"
                '        caFiles: ["{ca}"]\n        clientAuthType: VerifyClientCertIfGiven\n'
                "http:\n  routers:"
            ),
        ),
    ],
}


class TlsWorld(World):
    """A gateway with TLS, and its clients."""

    def __init__(self, recipe: Recipe, directory: Path, authority: Authority) -> None:
        super().__init__(recipe, directory)
        server = authority.issue("127.0.0.1", "localhost")
        parts = {"server": server.certificate_file, "key": server.key_file, "ca": authority.ca_file}
        texts = {name: Path(file).read_text() for name, file in parts.items()}
        texts["both"] = texts["server"] + texts["key"]
        places: dict[str, object] = {"port": self.ports[GATEWAY_PORT]}
        for name, text in texts.items():  # some gateways read no name with a space
            places[name] = directory / f"{name}.pem"
            (directory / f"{name}.pem").write_text(text)
        self.authority = authority
        for name, old, new in LISTENERS[recipe.folder]:
            file, text = directory / name, (directory / name).read_text()
            wanted = old.format(**places)
            assert text.count(wanted) == 1, f"{name}: {wanted}"
            file.write_text(text.replace(wanted, new.format(**places)))

    def wait_until_it_answers(self) -> None:
        """Wait until a public path is open."""
        until = time.monotonic() + _TLS_SECONDS
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/healthz")[0] == 200:
                    return
            if time.monotonic() > until:
                raise RuntimeError(f"the gateway does not answer:\n{self.gateway.log.read_text()}")
            time.sleep(0.05)

    def get(
        self, path: str, certificate: Certificate | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Make one request; return the status and the body as JSON if it is a problem document."""
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        if certificate is not None:
            context.load_cert_chain(certificate.certificate_file, certificate.key_file)
        self.upstream.forget()
        connection = http.client.HTTPSConnection(
            "localhost", self.ports[GATEWAY_PORT], context=context, timeout=20
        )
        try:
            connection.request(
                "GET", path, headers={n.replace("_", "-"): v for n, v in headers.items()}
            )
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        is_problem = answer.getheader("content-type") == "application/problem+json"
        return answer.status, json.loads(body) if is_problem and body else None

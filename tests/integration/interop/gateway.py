"""The recipe of nginx with `iiniit-guard serve`, which trusts another authorization server."""

from __future__ import annotations

from pathlib import Path

from tests.integration.gateways.recipes import DEBIAN, GATEWAY_PORT
from tests.integration.gateways.tls_world import TlsWorld
from tests.integration.gateways.world import World
from tests.integration.interop.node import SECRET
from tests.integration.servers.certificates import Authority

NGINX = next(recipe for recipe in DEBIAN if recipe.name == "nginx")


class Trusting(World):
    """A gateway whose guard trusts another authorization server.

    Attributes:
        trusted: The issuer identifier of this server.
    """

    trusted: str
    scheme = "http"

    @property
    def url(self) -> str:
        """The address of the gateway, which is the `public_url` of the guard."""
        return f"{self.scheme}://127.0.0.1:{self.ports[GATEWAY_PORT]}"

    def _write_guard_settings(self) -> None:
        super()._write_guard_settings()
        file = self.directory / "guard.toml"
        text = file.read_text()
        for old, new in (
            (f'issuer = "{self.issuer.url}"', f'issuer = "{self.trusted}"'),
            ('public_url = "https://api.example"', f'public_url = "{self.url}"'),
            ("dpop_nonce_seconds = 2\n", "dpop_nonce_seconds = 60\n"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        file.write_text(text)
        (self.directory / "introspection-secret").write_text(SECRET)


class Site(Trusting):
    """nginx without TLS, the guard and the API."""

    def __init__(self, issuer: str, directory: Path) -> None:
        self.trusted = issuer
        super().__init__(NGINX, directory)


class TlsSite(Trusting, TlsWorld):
    """nginx with TLS, which requests a client certificate, the guard and the API."""

    scheme = "https"

    def __init__(self, issuer: str, directory: Path, authority: Authority) -> None:
        self.trusted = issuer
        TlsWorld.__init__(self, NGINX, directory, authority)

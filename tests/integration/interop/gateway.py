"""The recipe of nginx with `iiniit-guard serve`, which trusts another authorization server."""

from __future__ import annotations

from pathlib import Path

from tests.integration.gateways.recipes import DEBIAN, GATEWAY_PORT
from tests.integration.gateways.world import World
from tests.integration.interop.node import SECRET


class Site(World):
    """nginx, the guard and the API. Clients reach the API at the address of nginx."""

    def __init__(self, issuer: str, directory: Path) -> None:
        self._trusted = issuer
        super().__init__(next(recipe for recipe in DEBIAN if recipe.name == "nginx"), directory)

    @property
    def url(self) -> str:
        """The address of nginx, which is the `public_url` of the guard."""
        return f"http://127.0.0.1:{self.ports[GATEWAY_PORT]}"

    def _write_guard_settings(self) -> None:
        super()._write_guard_settings()
        file = self.directory / "guard.toml"
        text = file.read_text()
        for old, new in (
            (f'issuer = "{self.issuer.url}"', f'issuer = "{self._trusted}"'),
            ('public_url = "https://api.example"', f'public_url = "{self.url}"'),
            ("dpop_nonce_seconds = 2\n", "dpop_nonce_seconds = 60\n"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        file.write_text(text)
        (self.directory / "introspection-secret").write_text(SECRET)

"""The gateways: the program that runs each directory of `examples/gateways`, and the changes to its
files for a test.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).resolve().parents[3] / "examples" / "gateways"
WHEELS: Final = os.environ.get("GATEWAYS_VENV", "")
"""The virtual environment with the gateways that Debian does not have; empty where they are not to
be run.
"""

GATEWAY_PORT, GUARD_PORT, PUBLIC_PORT, API_PORT, ADMIN_PORT = "8000", "8080", "8081", "3000", "9090"


@dataclass(frozen=True)
class Recipe:
    """One gateway.

    Attributes:
        name: In test names.
        folder: Below `examples/gateways`.
        program: Its command.
        arguments: Its command line, from the directory with the files.
        places: Directories that the recipe names, each with the one below the test's directory that
            stands for it.
        patience: How the recipe says that the guard has ten seconds; three must do for a test.
        scratch: Directives for `http {` of nginx, each with the directory for it: those that are
            built in only root may write to.
        from_wheel: Whether the program comes from a wheel and not from Debian.
    """

    name: str
    folder: str
    program: str
    arguments: Callable[[Path], list[str]]
    places: Mapping[str, str]
    patience: str = ""
    scratch: Mapping[str, str] = field(default_factory=dict)
    from_wheel: bool = False

    def command(self, directory: Path) -> list[str]:
        """Return the command line."""
        path = Path(WHEELS, "bin") if self.from_wheel else "/usr/sbin:/usr/bin:/usr/local/bin"
        program = shutil.which(self.program, path=str(path))
        if program is None:
            raise FileNotFoundError(f"{self.program}: `make test` and `make gateways` install it")
        return [program, *self.arguments(directory)]

    def write(self, directory: Path, ports: Mapping[str, int]) -> None:
        """Write the recipe's files with other ports and directories, and nothing else changed."""
        for name in {place for place in self.places.values() if place}:
            (directory / name).mkdir(exist_ok=True)
        for file in sorted((EXAMPLES / self.folder).iterdir()):
            if file.name != "guard.toml":
                text = with_ports(file.read_text(), ports)
                for place, stands_for in self.places.items():
                    text = text.replace(place, str(directory / stands_for))
                lines = "".join(
                    f"\n    {directive} {directory / place};"
                    for directive, place in self.scratch.items()
                )
                text = text.replace("http {", "http {" + lines)
                if self.patience:
                    text = text.replace(self.patience, self.patience.replace("10", "3"))
                (directory / file.name).write_text(text)

    def __str__(self) -> str:
        return self.name


def with_ports(text: str, ports: Mapping[str, int]) -> str:
    """Replace the ports of the recipes."""
    return re.sub(
        r"(?<![\w.])(" + "|".join(ports) + r")(?![\w.])", lambda found: str(ports[found[0]]), text
    )


def _nginx(directory: Path) -> list[str]:
    return [
        "-c",
        str(directory / "nginx.conf"),
        "-e",
        str(directory / "log" / "error.log"),
        "-g",
        "daemon off;",
    ]


def _caddy(directory: Path) -> list[str]:
    return ["run", "--adapter", "caddyfile", "--config", str(directory / "Caddyfile")]


def _haproxy(directory: Path) -> list[str]:
    return ["-db", "-f", str(directory / "haproxy.cfg")]


def _apache(directory: Path) -> list[str]:
    return ["-DFOREGROUND", "-f", str(directory / "apache2.conf")]


def _traefik(directory: Path) -> list[str]:
    return [f"--configFile={directory / 'traefik.yml'}"]


def _envoy(directory: Path) -> list[str]:
    # Every gateway of a machine would share the default base id; the log level is the recipe's,
    # warning.
    return [
        "-c",
        str(directory / "envoy.yaml"),
        "--log-level",
        "warning",
        "--use-dynamic-base-id",
        "--concurrency",
        "2",
    ]


_BODIES: Final = {"client_body_temp_path": "run/body", "proxy_temp_path": "run/proxy"}
DEBIAN: Final = [
    Recipe(
        "nginx",
        "nginx",
        "nginx",
        _nginx,
        {"/var/log/nginx": "log", "/run": "run"},
        "_timeout 10s",
        _BODIES,
    ),
    Recipe(
        "nginx-cache",
        "nginx-cache",
        "nginx",
        _nginx,
        {"/var/log/nginx": "log", "/run": "run", "/var/cache": "cache", "/etc/nginx": ""},
        "_timeout 10s",
        _BODIES,
    ),
    Recipe("caddy", "caddy", "caddy", _caddy, {"/var/log/caddy": "log"}, "_timeout 10s"),
    Recipe("haproxy", "haproxy", "haproxy", _haproxy, {"/etc/haproxy": ""}, "TIMEOUT_SECONDS = 10"),
    Recipe(
        "apache",
        "apache",
        "apache2",
        _apache,
        {"/var/log/apache2": "log", "/run/apache2": "run", "/etc/apache2": ""},
        "TIMEOUT_SECONDS = 10",
    ),
]
FROM_WHEELS: Final = [
    Recipe(
        "caddy-current",
        "caddy",
        "caddy",
        _caddy,
        {"/var/log/caddy": "log"},
        "_timeout 10s",
        from_wheel=True,
    ),
    Recipe(
        "traefik",
        "traefik",
        "traefik",
        _traefik,
        {"/var/log/traefik": "log", "/etc/traefik": ""},
        from_wheel=True,
    ),
    Recipe("envoy", "envoy", "envoy", _envoy, {}, "timeout: 10s", from_wheel=True),
]
RECIPES: Final = [*DEBIAN, *(FROM_WHEELS if WHEELS else [])]
GUARD_COMMAND: Final = [sys.executable, "-m", "iiniit_guard.cli", "serve", "--config"]

"""Goal 6: nginx calls `iiniit-guard serve` before each request, compared with nginx and an empty
endpoint.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.load.benchmarks.measure import Row, spread_of
from tests.load.benchmarks.processes import Server, cpu_per_request, free_port, lua_script
from tests.load.benchmarks.tokens import AUDIENCE, ISSUER, make_issuer, token_of
from tests.load.benchmarks.wire import serve

_CLI: Final = Path(sys.executable).with_name("iiniit-guard")
_NGINX: Final = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_CONFIGURATION: Final = """
daemon off; worker_processes 1; pid {folder}/nginx-{name}.pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream guard {{ server 127.0.0.1:{guard}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            auth_request /_iiniit/auth;
            auth_request_set $iiniit_answer $upstream_http_x_iiniit_answer;
            auth_request_set $iiniit_subject $upstream_http_x_iiniit_subject;
            root {folder}/www;
        }}
        location = /_iiniit/auth {{
            internal;
            proxy_pass http://guard/auth;
            proxy_http_version 1.1;
            proxy_pass_request_body off;
            proxy_set_header Connection "";
            proxy_set_header Content-Length "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Original-URI $request_uri;
            proxy_set_header X-Original-Proto $scheme;
            proxy_set_header X-Original-Host $http_host;
        }}
    }}
}}
"""
_SETTINGS: Final = """
issuer = "{issuer}"
audience = "{audience}"
jwks_file = "{keys}"
gateway = "nginx"
[server]
bind = ["127.0.0.1:{port}"]
admin_bind = []
"""


def measure(rounds: int) -> list[Row]:
    """Measure both pairs in alternation.

    Raises:
        RuntimeError: nginx or `iiniit-guard serve` is missing.
    """
    if _NGINX is None:
        raise RuntimeError("nginx is not installed")
    if not _CLI.exists():
        raise RuntimeError("`iiniit-guard serve` is not built yet")
    issuer = make_issuer()
    token = token_of(issuer)
    seconds, turns = (2, max(7, rounds // 6)) if rounds >= 20 else (1, 3)
    ratios, costs, bases = [], [], []
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        folder.chmod(0o755)  # nginx's worker is another user
        (folder / "www").mkdir()
        (folder / "www/me").write_text('{"name": "Aino Esimerkki"}\n')
        (folder / "keys.json").write_text(json.dumps(issuer.jwk_set()))
        script = lua_script(folder / "one.lua", [token])
        port = free_port()
        (folder / "guard.toml").write_text(
            _SETTINGS.format(issuer=ISSUER, audience=AUDIENCE, keys=folder / "keys.json", port=port)
        )
        command = [str(_CLI), "serve", "--config", str(folder / "guard.toml")]
        guard = stack.enter_context(Server(command, port, folder / "guard.log"))
        nothing = stack.enter_context(serve("nothing", folder))
        pairs = {
            "ours": (guard, stack.enter_context(_nginx("ours", guard, folder))),
            "nothing": (nothing, stack.enter_context(_nginx("nothing", nothing, folder))),
        }

        def cost(name: str) -> float:
            return cpu_per_request(
                pairs[name], f"http://127.0.0.1:{pairs[name][1].port}/me", seconds, script
            )

        for _ in range(turns):
            base, own = cost("nothing"), cost("ours")
            ratios.append(own / base)
            costs.append(own)
            bases.append(base)
    return [
        Row(
            goal=6,
            name="nginx `auth_request` → `iiniit-guard serve`, cached",
            limit=1.15,
            ours=spread_of(ratios, spread_of(costs).median),
            note=(
                f"CPU of nginx and an endpoint that does nothing "
                f"({spread_of(bases).median * 1e6:.0f} µs)"
            ),
        )
    ]


def _nginx(name: str, guard: Server, folder: Path) -> Server:
    port = free_port()
    file = folder / f"nginx-{name}.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, name=name, guard=guard.port, port=port))
    return Server(
        [str(_NGINX), "-c", str(file), "-p", str(folder), "-e", "stderr"],
        port,
        folder / f"nginx-{name}.log",
    )

"""The first steps of the README and of the first tutorial: commands exist, the server answers."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorials" / "first-guarded-endpoint.md"
PAGES = [ROOT / "README.md", *sorted(TUTORIAL.parent.glob("*.md"))]
# A bare `flask` or `pip` may belong to another Python: env is not activated.
TYPED = re.compile(
    r"python3 -m venv env|env/bin/(python -m pip|flask) .+|make( [a-z]+)?( [A-Z]+=\w+)?|curl .+"
)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_those_of_the_virtual_environment(page):
    typed = "".join(blocks(page, "sh")).splitlines()

    assert [line for line in typed if not TYPED.fullmatch(line)] == []


def wait_for(port: int) -> None:
    limit = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < limit
        time.sleep(0.05)


def ask(port: int, token: str | None) -> tuple[str, list[tuple[str, str]], str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            "GET",
            "/v1/user/profile",
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
        )
        answer = connection.getresponse()
        return (
            f"HTTP/1.1 {answer.status} {answer.reason}",
            answer.getheaders(),
            answer.read().decode().strip(),
        )
    finally:
        connection.close()


def test_the_server_of_the_first_tutorial_answers_as_shown(tmp_path):
    (program,) = (block for block in blocks(TUTORIAL, "python") if "TOKEN=" in block)
    (tmp_path / "api.py").write_text(program)
    (command,) = (
        line for block in blocks(TUTORIAL, "sh") for line in block.splitlines() if "flask" in line
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        command.split()[0].replace("env/bin", str(Path(sys.executable).parent)),
        *command.split()[1:],
        "--port",
        str(port),
    ]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout
            name, _, token = server.stdout.readline().strip().partition("=")
            assert name == "TOKEN"
            wait_for(port)
            answers = [ask(port, None), ask(port, token)]
        finally:
            server.terminate()
    shown = blocks(TUTORIAL, "http")
    assert len(shown) == len(answers)
    for text, (line, headers, body) in zip(shown, answers, strict=True):
        head, _, shown_body = text.partition("\n\n")
        first, *rest = head.splitlines()
        assert (first, shown_body.strip()) == (line, body)
        assert {tuple(field.split(": ", 1)) for field in rest} <= set(headers)

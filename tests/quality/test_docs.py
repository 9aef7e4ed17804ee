"""Run every example in README and docs, and check every link in them.

The blocks of a page, by the word after the fence:

- `python`: run from top to bottom in one namespace and one fresh interpreter per page, with
  warnings as errors. What a block shows it also asserts. `python no-run: REASON` is only compiled,
  and the reason is required.
- `pycon`: a doctest with the names of the page's `python` blocks before it.
- `console`: a transcript. Lines that begin with `$ ` are run by bash, one after another in one
  empty directory of the page, and must print what stands below them; `...` stands for any text. A
  failing command ends with `[exit status N]`.
- `sh`: commands for the reader's own machine, not run; the targets of its `make` lines must exist.
- `toml`, `json`: parsed.
- `text`, `http`, `nginx` and other words: shown as they are.
"""

from __future__ import annotations

import doctest
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

import iiniit_guard

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
NO_RUN = re.compile(r"python no-run: \S.{9,}")
KNOWN = {
    "python",
    "pycon",
    "console",
    "sh",
    "toml",
    "json",
    "text",
    "http",
    "nginx",
    "html",
    "mermaid",
    "yaml",
    "ini",
    "lua",
    "apache",
    # Directives of the site generator, which GitHub shows as they are.
    "{eval-rst}",
    "{include}",
    "{image}",
    "{toctree}",
}


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    info: str
    text: str

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    source = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(source):
        indent, info, text = match.groups()
        body = re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
        found.append(Block(page, source.count("\n", 0, match.start()) + 2, info.strip(), body))
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_it_is(block):
    assert block.language in KNOWN, (
        "a block without a known word after its fence is neither run nor checked"
    )
    if block.info.startswith("python "):
        assert NO_RUN.fullmatch(block.info), (
            "a python block that is not run says why: ```python no-run: REASON"
        )
        compile(block.text, str(block), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_no_marks_of_a_merge(page):
    assert not re.findall(
        r"^(?:<{7}|={7}|>{7})(?: .*)?$", page.read_text(encoding="utf-8"), re.MULTILINE
    )


# The driver of one page: it runs in an interpreter of its own, because Django can be set up once
# per process.
DRIVER = """
import doctest, json, sys, types
driver = sys.modules["__main__"]
sys.modules["__main__"] = types.ModuleType("__main__")  # Django imports urlpatterns by that name
namespace = vars(sys.modules["__main__"])
for kind, page, line, text in json.load(sys.stdin):
    if kind == "python":
        exec(compile("\\n" * (line - 1) + text, page, "exec"), namespace)
    else:
        test = doctest.DocTestParser().get_doctest(text, namespace, page, page, line - 1)
        if doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False).failed:
            sys.exit(1)
        namespace.update(test.globs)
"""


@pytest.mark.parametrize(
    "page",
    sorted({block.page for block in of("python", "pycon")}),
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_python_of_a_page_runs(page, tmp_path):
    rows = [
        (block.language, str(page.relative_to(ROOT)), block.line, block.text)
        for block in blocks_of(page)
        if block.info in {"python", "pycon"}
    ]
    done = subprocess.run(
        # The same warnings as in pyproject.toml: those of WebTest and of Pyramid.
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore:'cgi' is deprecated:DeprecationWarning",
            "-W",
            "ignore:pkg_resources is deprecated:UserWarning",
            "-W",
            "ignore:Deprecated call to `pkg_resources:DeprecationWarning",
            "-c",
            DRIVER,
        ],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def expected_output(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a transcript, each with its output."""
    steps: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps and steps[-1][0].endswith("\\"):
            steps[-1] = (f"{steps[-1][0]}\n{line}", [])
        else:
            steps[-1][1].append(line)
    return [(command, "\n".join(printed)) for command, printed in steps]


def test_a_transcript_says_what_is_printed(tmp_path_factory):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    directories = {page: tmp_path_factory.mktemp(page.stem) for page in PAGES}
    for block in of("console"):
        for command, expected in expected_output(block):
            done = subprocess.run(
                ["bash", "-c", command],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=directories[block.page],
                env=environment,
                timeout=60,
                check=False,
            )
            printed = done.stdout + (
                f"[exit status {done.returncode}]\n" if done.returncode else ""
            )
            pattern = ".*".join(map(re.escape, expected.strip().split("...")))
            assert re.fullmatch(pattern, printed.strip(), re.DOTALL), (
                f"{block}: $ {command}\n{printed}"
            )


def test_data_can_be_parsed():
    for block in of("toml", "json"):
        try:
            {"toml": tomllib.loads, "json": json.loads}[block.language](block.text)
        except ValueError as error:
            pytest.fail(f"{block}: {error}")


@pytest.mark.parametrize("block", of("sh"), ids=str)
def test_a_make_target_that_is_named_exists(block):
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert set(re.findall(r"^make ([a-z-]+)", block.text, re.MULTILINE)) <= targets


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of the headings: lower case, spaces as hyphens, no other punctuation."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors_of(linked), f"{target}: no such heading"


def test_every_page_is_reached_from_the_readme():
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        ahead += [
            (page.parent / link).resolve()
            for link in re.findall(
                r"\]\(([^)\s:#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")
            )
        ]

    assert set(PAGES) <= seen


PACKAGE = Path(iiniit_guard.__file__).parent
WITH_EXAMPLES = [
    path for path in sorted(PACKAGE.rglob("*.py")) if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_examples_in_docstrings_run(path):
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )

    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0

"""The documentation site: it builds without warnings, and nothing is missing from it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("site")]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_page_is_in_the_site(site):
    pages = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}

    assert pages <= {path.relative_to(site) for path in site.rglob("*.html")}


def test_no_page_of_the_site_links_to_a_file_that_is_not_there(site):
    missing = set()
    for page in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text(encoding="utf-8")):
            if not re.match("[a-z]+:", target) and not (page.parent / target).exists():
                missing.add((str(page.relative_to(site)), target))

    assert not missing


def test_the_site_loads_nothing_from_another_host(site):
    loaded = re.compile(r'<(?:script|img|link rel="stylesheet")[^>]*(?:href|src)="(https?:[^"]+)')
    text = "".join(page.read_text(encoding="utf-8") for page in site.rglob("*.html"))

    assert not loaded.findall(text)


def test_the_site_shows_nothing_of_the_environment_of_its_build(site):
    for page in site.rglob("*.html"):
        shown = re.sub("<[^>]+>", "", page.read_text(encoding="utf-8"))
        assert "environ({" not in shown, page.name


def test_each_page_is_marked_in_its_navigation(site):
    """A page has the mark once, in the tree that its directory shares; others have none."""
    names = [path.relative_to(DOCS).with_suffix("") for path in DOCS.rglob("*.md")]
    for name in names:
        html = (site / f"{name}.html").read_text(encoding="utf-8")
        tree = html.partition('class="sidebar-tree"')[2].partition('class="main"')[0]
        marked = re.findall(r'current-page"><a class="current reference internal" href="#">', tree)
        assert len(marked) == tree.count("current-page") == (name.name != "index"), name
        # The path to the page is open, and no other.
        opened = re.findall(r'class="[^"]* current has-children[^"]*">', tree)
        assert tree.count('checked=""') == len(opened), name


@pytest.mark.parametrize("word", ["introspect", "audienc", "dpop", "gunicorn"])
def test_the_offline_search_knows_the_words_of_the_pages(site, word):
    assert f'"{word}":' in (site / "searchindex.js").read_text(encoding="utf-8")


def test_the_api_reference_describes_every_public_name(site):
    listed = (DOCS / "reference/public-names.md").read_text(encoding="utf-8")
    html = "".join(
        page.read_text(encoding="utf-8") for page in (site / "reference/api").glob("*.html")
    )
    # The frameworks on top of Django read its settings when they are imported.
    importlib.import_module("tests.contract.hosts.django_project")
    seen = 0
    for section in listed.split("\n## ")[1:]:
        heading, _, names = section.partition("\n")
        for name in re.findall(r"`(iiniit_guard[.\w]*)`", heading):
            module = importlib.import_module(name)
            public = [each for each in re.findall(r"`(\w+)`", names) if hasattr(module, each)]
            assert public
            assert not [each for each in public if f'id="{name}.{each}"' not in html]
            seen += 1
    assert seen > 10

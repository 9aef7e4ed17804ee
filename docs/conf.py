"""The settings of the documentation site. `make docs` builds the site in `site/`."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from tomllib import loads
from typing import Any, Final

import django
from django.conf import settings

# The frameworks on top of Django read its settings when they are imported.
settings.configure(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
django.setup()

# A build creates millions of objects that live until its end. With the default thresholds, the
# garbage collector visits them again and again, for a fourth of the time.
gc.set_threshold(50_000, 20, 50)

PYPROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"

project = "iiniit_guard"
author = "the iiniit_guard authors"
release = loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
root_doc = "index"
# Pygments knows neither the whole syntax of nginx nor every escape of Lua. It then colours the
# block as far as it can.
suppress_warnings = ["misc.highlighting_failure"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
default_role = "code"  # a word in backquotes in a docstring is code
maximum_signature_line_length = 80

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

# Addresses of examples, of this machine, and of servers that a reader starts.
linkcheck_ignore = [
    r"https?://(127\.0\.0\.1|localhost|\[::1\])([:/].*)?$",
    r"https?://([\w.-]+\.)?(example|test|invalid)([:/].*)?$",
    r"https?://([\w.-]+\.)?example\.(com|org|net)([:/].*)?$",
]
linkcheck_anchors = False  # many sites make their anchors by a script
linkcheck_timeout = 20

html_theme = "furo"
html_title = f"iiniit_guard {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}

# --- The navigation ------------------------------------------------------------------------------

# Sphinx resolves the tree of all pages again for each page, and furo parses it again: that was a
# third of the time of a build. The trees of two pages of one directory differ only in the marks of
# the current page. The build resolves one tree for each directory, without marks, and marks it.

TAG: Final = re.compile(r"<(/?)(li|ul)\b[^>]*>")

trees: Final[dict[str, str]] = {}


def share_tree(
    _app: Any, page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Replace the function that resolves the tree, before furo calls it."""
    directory, _, name = page.rpartition("/")
    resolve = context.get("toctree")
    if resolve is not None:
        context["toctree"] = lambda **options: (
            trees.get(directory)
            or trees.setdefault(directory, without_marks(resolve(**options), name))
        )


def mark_tree(_app: Any, page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Mark the current page in the tree of its directory, as Sphinx and furo do."""
    name = page.rpartition("/")[2]
    context["furo_navigation_tree"] = with_marks(context["furo_navigation_tree"], name)


def without_marks(tree: str, name: str) -> str:
    """Remove the marks that Sphinx made for a page."""
    for marked, plain in (
        ('href="#"', f'href="{name}.html"'),
        ('<ul class="current">', "<ul>"),
        ('class="current reference', 'class="reference'),
        (' current"', '"'),
    ):
        tree = tree.replace(marked, plain)
    return tree


def with_marks(tree: str, name: str) -> str:
    """Mark the entry of a page and the entries and lists around it."""
    link = tree.find(f'<a class="reference internal" href="{name}.html">')
    opened: list[re.Match[str]] = []
    for tag in TAG.finditer(tree, 0, max(link, 0)):
        if tag[1]:
            opened.pop()
        else:
            opened.append(tag)
    # From the last tag to the first, so that a change moves no tag that is still to be changed.
    for place, tag in enumerate(reversed(opened)):
        start, end = tag.span()
        if tag[2] == "ul":
            head = '<ul class="current">'
        else:
            end = tree.index(">", tree.index("</a>", end) + 4) + 1  # the end of the checkbox
            head = re.sub(r"toctree-l\d", r"\g<0> current", tree[start:end], count=1)
            head = head.replace(' class="toctree-checkbox"', ' checked="" class="toctree-checkbox"')
            if place == 0:
                head = head.replace('">', ' current-page">', 1)
                head = head.replace('class="reference', 'class="current reference', 1)
                head = head.replace(f'href="{name}.html"', 'href="#"', 1)
        tree = tree[:start] + head + tree[end:]
    return tree


# --- Signatures ----------------------------------------------------------------------------------


def hide_environment(*arguments: Any) -> tuple[str, str | None] | None:
    """Show a default `os.environ` by its name, and not the variables of the build with values."""
    signature, returns = arguments[-2:]
    return signature and (signature.replace(repr(os.environ), "os.environ"), returns)


def setup(app: Any) -> None:
    """Connect the handlers. That of furo has the priority 500."""
    app.connect("autodoc-process-signature", hide_environment)
    app.connect("html-page-context", share_tree, priority=400)
    app.connect("html-page-context", mark_tree, priority=600)

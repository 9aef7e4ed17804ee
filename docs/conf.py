"""The settings of the documentation site. `make docs` builds the site in `site/`."""

from __future__ import annotations

import gc
from pathlib import Path
from tomllib import loads
from typing import Final

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

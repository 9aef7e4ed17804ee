"""Policies by method and path. The middleware and the gateway use the same object.

The middleware passes a request, the gateway passes a raw request target.

Patterns and converters have Werkzeug's syntax. Matching is implemented here, because
`werkzeug.routing.Map` falls through to a less specific rule if a more specific one lacks the
method, stops the search if a converter refuses a value, and recompiles patterns if there are more
than 512 of them.
"""

from __future__ import annotations

from iiniit_guard.rules.openapi import from_openapi
from iiniit_guard.rules.rule import Rule
from iiniit_guard.rules.ruleset import Rules
from iiniit_guard.rules.tables import rules_from_file, rules_from_tables

__all__ = ["Rule", "Rules", "from_openapi", "rules_from_file", "rules_from_tables"]

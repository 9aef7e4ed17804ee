"""Method and path to policy: one object for the middleware, which asks by request, and for the gateway, which asks by raw target.

Patterns and converters are Werkzeug's; matching is our own, because `werkzeug.routing.Map` falls through to a looser rule when a more
specific one lacks the method, gives up a search when a converter refuses a value, and compiles patterns anew beyond 512 of them.
"""

from __future__ import annotations

from iiniit_guard.rules.openapi import from_openapi
from iiniit_guard.rules.rule import Rule
from iiniit_guard.rules.ruleset import Rules
from iiniit_guard.rules.tables import rules_from_file, rules_from_tables

__all__ = ["Rule", "Rules", "from_openapi", "rules_from_file", "rules_from_tables"]

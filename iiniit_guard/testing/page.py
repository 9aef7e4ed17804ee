"""The page of the development issuer, on which people get tokens. It needs no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iiniit_guard.testing.issuer import Issuer

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --accent: #0b66c3; }
@media (prefers-color-scheme: dark) { :root { --accent: #6cb4ff; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem;
       background: Canvas; color: CanvasText; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.1rem; margin: 1.4rem 0 .4rem; }
p.warn { border-left: 4px solid #c60; padding-left: .8rem; }
form { display: grid; grid-template-columns: 9rem 1fr; gap: .6rem 1rem; align-items: center;
       border: 1px solid var(--line); border-radius: 8px; padding: 1rem; }
label { font-weight: 600; }
input, select, textarea { font: inherit; width: 100%; box-sizing: border-box; padding: .4rem;
       border: 1px solid var(--line); border-radius: 4px; }
textarea, pre { font-family: ui-monospace, monospace; font-size: 13px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line);
      border-radius: 4px; padding: .6rem; }
button { grid-column: 2; justify-self: start; font: inherit; font-weight: 600; border: 0;
         min-height: 44px; padding: .5rem 1.2rem; border-radius: 4px; background: var(--accent);
         color: Canvas; }
@media (max-width: 30rem) { form { grid-template-columns: 1fr; } button { grid-column: 1; } }
"""
_WARNING: Final = (
    "This issuer is for development on this machine. Everyone who can open this page gets any "
    "token. Never let a deployed API trust it."
)


def mint_page(issuer: Issuer) -> str:
    """Return the page with the form."""
    return _page(issuer, _form(issuer, {}))


def minted_page(issuer: Issuer, token: str, form: Mapping[str, str]) -> str:
    """Return the page with a token, or with the fault of the form after `error: `.

    Args:
        issuer: The issuer.
        token: The token, or the fault.
        form: The values of the form, which stay in its fields.
    """
    if token.startswith("error: "):
        return _page(issuer, f'<p class="warn">{escape(token)}</p>{_form(issuer, form)}')
    curl = f"curl -H 'Authorization: Bearer {token}' http://127.0.0.1:8000/"
    shown = (
        '<h2><label for="token">Access token</label></h2>'
        f'<textarea id="token" rows="6" readonly>{escape(token)}</textarea>'
        f"<h2>Use it</h2><pre>{escape(curl)}</pre>"
        "<h2>Find out why an API refuses it</h2>"
        "<pre>iiniit-guard explain --settings guard.toml --fetch</pre>"
        "<p>The command asks for the token and shows every check.</p>"
        "<h2>Another token</h2>"
    )
    return _page(issuer, shown + _form(issuer, form))


def _page(issuer: Issuer, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Development issuer</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>Development issuer</h1><p><code>{escape(issuer.issuer)}</code></p>"
        f'<p class="warn">{_WARNING}</p>{content}'
        f"<h2>Settings of a guard</h2><pre>{escape(settings_text(issuer))}</pre>"
        "</main></body></html>"
    )


def settings_text(issuer: Issuer) -> str:
    """Return the settings of a guard that trusts this issuer, as `guard.toml`."""
    audience = issuer.audience if isinstance(issuer.audience, str) else issuer.audience[0]
    client = issuer.client_check
    return (
        f'issuer = "{issuer.issuer}"\n'
        f'audience = "{audience}"\n'
        "# for opaque tokens, and for revocation:\n"
        f'introspection_client_id = "{client.client_id}"\n'
        f'introspection_client_secret = "{client.client_secret}"\n'
    )


def _form(issuer: Issuer, form: Mapping[str, str]) -> str:
    audience = issuer.audience if isinstance(issuer.audience, str) else " ".join(issuer.audience)
    fields = (
        ("scope", "Scopes", "user:read"),
        ("subject", "Subject", "user-1"),
        ("client_id", "Client", "client-1"),
        ("audience", "Audience", audience),
        ("expires_in", "Expires in (s)", "3600"),
    )
    rows = "".join(
        f'<label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" autocomplete="off" '
        f'value="{escape(form.get(name, value), quote=True)}">'
        for name, label, value in fields
    )
    chosen = " selected" if form.get("kind") == "opaque" else ""
    return (
        f'<form method="post" action="/">{rows}<label for="kind">Kind</label>'
        '<select id="kind" name="kind"><option value="jwt">JWT</option>'
        f'<option value="opaque"{chosen}>opaque</option></select>'
        "<button>Issue a token</button></form>"
    )

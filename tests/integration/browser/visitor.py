"""The forms and texts of the demo's pages over HTTP, without a browser.

The pages have no scripts, so a form that this module sends has the same effect as a button in a
browser. A page in a browser takes a third of a second of processor time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Self
from urllib.parse import urljoin

import httpx2
from bs4 import BeautifulSoup, Tag

from examples.stack import USERNAME, Stack

HOST = "127.0.0.1"


class Reader:
    """What a person in a browser and a visitor over HTTP have in common."""

    def read(self) -> str:
        """Read the profile and return the status that the API answered."""
        raise NotImplementedError

    def read_until(self, status: str, limit: float) -> float:
        """Read again and again until the API answers with this status; return the moment
        when that read began.

        Args:
            status: The beginning of the status line.
            limit: A read that begins later than this (by `time.monotonic`) is the last.
        """
        while True:
            began = time.monotonic()
            seen = self.read()
            if seen.startswith(status):
                return began
            assert began <= limit, f"still {seen}, not {status}"


class Visitor(Reader):
    """A client with the cookies and the current page of one person."""

    def __init__(self, stack: Stack, cookies: Iterable[Mapping[str, Any]] = ()) -> None:
        """Create the client; no page is fetched.

        Args:
            stack: The running servers.
            cookies: Those of a person, as Playwright returns them, to continue as that person.
        """
        self.stack = stack
        self._http = httpx2.Client(follow_redirects=True, trust_env=False, timeout=20)
        for cookie in cookies:
            self._http.cookies.set(cookie["name"], cookie["value"], HOST, cookie["path"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def cookies(self) -> list[Any]:
        """Return the cookies, with which a browser continues as this person."""
        return [
            {"name": each.name, "value": each.value, "domain": HOST, "path": each.path}
            for each in self._http.cookies.jar
        ]

    def open_client(self) -> None:
        """Fetch the client's page."""
        self._show(self._http.get(self.stack.url("client")))

    def connect(self, api: str, kind: str) -> None:
        """Run steps 1 to 5 over HTTP."""
        self.begin_again(api, kind)
        self.press("Sign in", username=USERNAME, password=self.stack.password)
        self.allow()

    def begin_again(self, api: str, kind: str) -> None:
        """Choose an API and a kind of token and connect."""
        self.open_client()
        self.press("Connect to my iiniit account", api=api, token_kind=kind)

    def allow(self) -> None:
        """Approve on the consent page."""
        self.press("Allow")
        assert "The client has an access token" in self.said()

    def choose(self, api: str) -> None:
        """Select the API for the following calls."""
        self.press("Use this API", api=api)

    def press(self, name: str, **values: str) -> None:
        """Send the form of a button with other values, which must be fields of the form."""
        (button,) = (each for each in self._page("button") if text_of(each) == name)
        form = button.find_parent("form")
        assert form is not None
        assert form["method"] == "post"
        fields = [tag for tag in form("input") if isinstance(tag, Tag)]
        assert values.keys() <= {str(tag["name"]) for tag in fields}
        sent: dict[str, list[str]] = {}
        for tag in fields:
            if tag.get("type") not in ("radio", "checkbox") or tag.has_attr("checked"):
                sent.setdefault(str(tag["name"]), []).append(str(tag.get("value", "")))
        for field, value in values.items():
            offered = {tag.get("value") for tag in fields if tag["name"] == field}
            assert value in offered or form.select_one(f"input[name={field}]:not([type=radio])")
            sent[field] = [value]
        if button.has_attr("name"):
            sent[str(button["name"])] = [str(button["value"])]
        self._show(self._http.post(urljoin(self._address, str(form.get("action", ""))), data=sent))

    def read(self) -> str:
        """Read the profile and return the status that the API answered."""
        self.press("Read the profile")
        return self.status()

    def change(self, bio: str) -> str:
        """Change the profile and return the status that the API answered."""
        self.press("Change the profile", bio=bio)
        return self.status()

    def status(self) -> str:
        """Return the status in the answer."""
        return text_of(self._one("#answer .status"))

    def fact(self, name: str) -> str:
        """Return a value named in the answer."""
        (value,) = self.facts(name)
        return value

    def facts(self, name: str) -> list[str]:
        """Return all values of a name in the answer."""
        terms = [each for each in self._page.select("#answer dt") if text_of(each) == name]
        return [text_of(each.find_next_sibling("dd")) for each in terms]

    def said(self) -> str:
        """Return the text of the answer."""
        return text_of(self._one("#answer"))

    def heading(self) -> str:
        """Return the heading of the answer."""
        return text_of(self._one("#answer h2"))

    def outcomes(self) -> list[str]:
        """Return the state of each of the seven steps, as the list names it."""
        return [text_of(each) for each in self._page.select(".steps .badge")]

    def lit(self) -> list[str]:
        """Return the numbers of the highlighted steps in the diagram, with their states."""
        return [
            f"{text_of(link.select_one('.digit'))} {how}"
            for how in ("done", "refused")
            for link in self._page.select(f".wide-drawing .step.{how}")
        ]

    def step(self, number: int) -> str:
        """Return what is inside the step to which an arrow of the diagram leads."""
        link = self._one(f".wide-drawing a[href='#step-{number}-inside']")
        return text_of(self._one(str(link["href"])))

    def content(self) -> str:
        """Return the source of the page."""
        return self._source

    def _one(self, selector: str) -> Tag:
        (found,) = self._page.select(selector)
        return found

    def _show(self, response: httpx2.Response) -> None:
        assert response.status_code == 200, response.text
        self._address, self._source = str(response.url), response.text
        self._page = BeautifulSoup(response.text, "html.parser")


def text_of(tag: Tag | None) -> str:
    assert tag is not None
    return tag.get_text().strip()

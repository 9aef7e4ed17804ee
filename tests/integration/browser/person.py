"""The actions and observations of a person: pages, buttons and texts, but no URL that the test
constructs.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from examples.stack import USERNAME, Stack
from tests.integration.browser.visitor import Reader, Visitor


class Person(Reader):
    """Somebody with a browser."""

    def __init__(self, page: Page, stack: Stack) -> None:
        """Store the browser; no page is opened."""
        self.page = page
        self.stack = stack
        self.complaints: list[str] = []
        page.set_default_timeout(10_000)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open_client(self) -> None:
        """Open the client's page."""
        self.page.goto(self.stack.url("client"))

    def begin(self, api: str, kind: str) -> None:
        """Choose an API and a kind of token, connect, and sign in."""
        self.begin_again(api, kind)
        self.page.get_by_label("User name").fill(USERNAME)
        self.page.get_by_label("Password").fill(self.stack.password)
        self.press("Sign in")

    def begin_again(self, api: str, kind: str) -> None:
        """Choose an API and a kind of token and connect, signed in already."""
        if self.page.url != self.stack.url("client") + "/":
            self.open_client()
        self.page.locator(f"input[name=token_kind][value={kind}]").check()
        self.page.locator(f"input[name=api][value={api}]").check()
        self.press("Connect to my iiniit account")

    def allow(self, *, without: str | None = None) -> None:
        """Approve on the consent page, with one scope unticked where named."""
        if without:
            self.page.get_by_role("checkbox", name=without).uncheck()
        self.press("Allow")
        expect(
            self.page.get_by_role("heading", name="The client has an access token")
        ).to_be_visible()

    def connect(self, api: str, kind: str) -> None:
        """Run steps 1 to 5 in the browser."""
        self.begin(api, kind)
        self.allow()

    def arrive(self, api: str, kind: str) -> None:
        """Open the client's page after steps 1 to 5, which a visitor does over HTTP."""
        with Visitor(self.stack) as visitor:
            visitor.connect(api, kind)
            self.come_back(visitor.cookies())

    def visitor(self) -> Visitor:
        """Return a client that continues as this person over HTTP."""
        visitor = Visitor(self.stack, self.page.context.cookies())
        visitor.open_client()
        return visitor

    def choose(self, api: str) -> None:
        """Select the API for the following calls."""
        self.page.locator(f"input[name=api][value={api}]").check()
        self.press("Use this API")

    def leave(self) -> list[Any]:
        """Leave the window to the next person. Return the cookies, with which to come back."""
        cookies: list[Any] = [*self.page.context.cookies()]
        self.page.context.clear_cookies()
        self.page.goto("about:blank")
        return cookies

    def come_back(self, cookies: list[Any]) -> None:
        """Open the client's page as the person who left."""
        self.page.context.clear_cookies()
        self.page.context.add_cookies(cookies)
        self.open_client()

    def press(self, name: str) -> None:
        """Press a button and wait for the next page."""
        self._follow(self.page.get_by_role("button", name=name, exact=True))

    def _follow(self, button: Locator) -> None:
        # A click returns before the next page is loaded. Without the wait, the test would read the
        # previous page.
        with self.page.expect_event("load"):
            button.click()

    def read(self) -> str:
        """Read the profile and return the status that the API answered."""
        self._follow(self.page.get_by_role("button", name="Read the profile").first)
        return self.status()

    def change(self, bio: str) -> str:
        """Change the profile and return the status that the API answered."""
        self.page.get_by_label("Bio").fill(bio)
        self.press("Change the profile")
        return self.status()

    def narrow(self) -> str:
        """Change the profile with an insufficient token; return the status that the API sent."""
        self.press("Change it without user:write")
        return self.status()

    @property
    def answer(self) -> Locator:
        """The card that says what the API answered."""
        return self.page.locator("#answer")

    def status(self) -> str:
        """Return the status in the answer."""
        return self.answer.locator(".status").inner_text()

    def fact(self, name: str) -> str:
        """Return the value of this name in the answer."""
        return self.answer.locator(f"dt:text-is('{name}') + dd").inner_text()

    def facts(self, name: str) -> list[str]:
        """Return all values of a name in the answer."""
        return self.answer.locator(f"dt:text-is('{name}') + dd").all_inner_texts()

    def said(self) -> str:
        """Return the text of the answer."""
        return self.answer.inner_text()

    def heading(self) -> str:
        """Return the heading of the answer."""
        return self.answer.get_by_role("heading").inner_text()

    def content(self) -> str:
        """Return the source of the page."""
        return self.page.content()

    def outcomes(self) -> list[str]:
        """Return the state of each of the seven steps in the list."""
        return self.page.locator(".steps .badge").all_inner_texts()

    def lit(self) -> list[str]:
        """Return the numbers of the highlighted steps in the diagram, with their states."""
        return [
            f"{link.locator('.digit').text_content()} {how}"
            for how in ("done", "refused")
            for link in self.page.locator(f".wide-drawing .step.{how}").all()
        ]

    def step(self, number: int) -> str:
        """Open a step by its arrow in the diagram and return its content."""
        self.page.locator(f".wide-drawing a[href='#step-{number}-inside']").click()
        inside = self.page.locator(f"#step-{number}-inside")
        expect(inside).to_be_visible()
        return inside.inner_text()

"""The layout of a sequence diagram, which `diagram.svg` draws in a wide and a narrow version."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from examples.client_app.visit import Happened

OWNER, CLIENT, SERVER, API = range(4)


@dataclass(frozen=True, slots=True)
class Step:
    """One of the steps of a flow.

    Attributes:
        number: 1 for the first one.
        sender: The role at whose lifeline the arrow starts.
        receiver: The role at whose lifeline the arrow ends.
        label: The label of the arrow in the wide drawing.
        short: The label of the arrow in the narrow drawing.
        title: The title in the list below the drawing.
        explanation: The general explanation in the list. The actual exchange is shown beside it.
    """

    number: int
    sender: int
    receiver: int
    label: str
    short: str
    title: str
    explanation: str


STEPS = (
    Step(
        1,
        CLIENT,
        OWNER,
        "May I use your profile?",
        "May I?",
        "The client requests authorization from the resource owner",
        "It sends your browser to the authorization server, with the scopes it would like, a state "
        "that ties the answer to this "
        "browser, and a PKCE challenge: the hash of a secret that only this client knows.",
    ),
    Step(
        2,
        OWNER,
        SERVER,
        "Signs in, and allows it",
        "Yes, this much",
        "The resource owner authorizes the request",
        "You told the authorization server what to allow. The client saw neither your password nor "
        "this exchange: the "
        "authorization server of this demo reports it, so that you can.",
    ),
    Step(
        3,
        SERVER,
        CLIENT,
        "Code (authorization grant)",
        "Code",
        "The client receives an authorization grant",
        "Your browser carries a code back to the client. It lives a minute, works once, and is "
        "useless without the client's own "
        "secrets. The client compares state and iss before it does anything with it.",
    ),
    Step(
        4,
        CLIENT,
        SERVER,
        "Code, secret, PKCE verifier",
        "Code, secret",
        "The client requests an access token from the authorization server",
        "Directly, server to server: it identifies itself with its secret and shows the PKCE "
        "verifier, which proves that it is "
        "the one that began.",
    ),
    Step(
        5,
        SERVER,
        CLIENT,
        "Access token",
        "Access token",
        "The authorization server authenticates the client, validates the grant, and issues an "
        "access token",
        "With it comes a refresh token, for a new access token later on without asking you again. "
        "The scope in the answer is "
        "what you granted, which may be less than was asked for.",
    ),
    Step(
        6,
        CLIENT,
        API,
        "GET or PATCH /v1/user/profile, with the token",
        "Profile, with token",
        "The client requests the protected resource and presents the access token",
        "The token travels in the Authorization header. Whoever has it can use it: that is what "
        "bearer means, and why it never "
        "goes into an address.",
    ),
    Step(
        7,
        API,
        CLIENT,
        "Checks the token, then answers",
        "Checks, answers",
        "The resource server validates the access token and serves the request",
        "This is the work of iiniit_guard. It checks a JWT's signature and claims itself; about an "
        "opaque token it asks the "
        "authorization server, and remembers the answer for a while.",
    ),
)


@dataclass(frozen=True, slots=True)
class Role:
    """One of the roles: the position of its lifeline and the text in its box."""

    css: str
    name: str
    narrow_name: str
    sub: str
    icon: str
    x: float = 0


ROLES = (
    Role(
        "owner",
        "Resource owner",
        "You",
        "you, in your browser",
        "M0-9a5 5 0 1 0 .01 0M-9 10c0-6 4-9 9-9s9 3 9 9",
    ),
    Role(
        "client-role",
        "Client",
        "Client",
        "this application",
        "M-10-8h20v16h-20zM-10-3h20M-7-5.5h.01",
    ),
    Role(
        "server-role",
        "Authorization server",
        "Auth server",
        "issues tokens",
        "M-4 0a4.500 4.500 0 1 1 .01 .01M0 0h11v5M6 0v4",
    ),
    Role(
        "api-role",
        "Resource server",
        "API",
        "the profile API",
        "M-10-8h20v6h-20zM-10 2h20v6h-20zM-6-5h.01M-6 5h.01",
    ),
)


@dataclass(frozen=True, slots=True)
class Chart:
    """The steps and the roles of one diagram, and what it shows in words."""

    steps: tuple[Step, ...]
    roles: tuple[Role, ...]
    label: str


CHART = Chart(STEPS, ROLES, "Sequence diagram of the seven steps")


@dataclass(frozen=True, slots=True)
class Arrow:
    """A step with its position in the drawing."""

    step: Step
    css: str
    state: str
    order: int
    y: float
    start: float
    tip: float
    base: float
    text: str
    text_x: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """The data for the template. Coordinates have the units of the drawing's width and height."""

    css: str
    width: int
    height: int
    box_width: int
    box_height: int
    font: float
    roles: tuple[Role, ...]
    arrows: tuple[Arrow, ...]
    label: str


def draw(
    steps: Mapping[int, Happened],
    fresh: Collection[int],
    *,
    narrow: bool,
    chart: Chart = CHART,
) -> Drawing:
    """Return the drawing with roles and arrows for the steps that have happened so far."""
    width, box_width, box_height, font, gap, top = (
        (360, 83, 62, 12.5, 58, 84) if narrow else (960, 226, 66, 15, 56, 92)
    )
    xs = [box_width / 2 + 4 + index * (width - box_width - 8) / 3 for index in range(4)]
    newly = sorted(fresh)
    arrows = []
    for step in chart.steps:
        start, end = xs[step.sender], xs[step.receiver]
        way = 1 if end > start else -1
        happened = steps.get(step.number)
        text = step.short if narrow else step.label
        # The label is centred over its arrow, but stays inside the drawing. A letter is about half
        # as wide as it is high.
        half = len(text) * font * 0.27 + 6
        middle = min(max((start + end) / 2 + way * 10, half), width - half)
        outcome = happened.outcome if happened else ""
        arrows.append(
            Arrow(
                step=step,
                css=f"step {outcome} {'new' if step.number in fresh else ''}".strip(),
                state={"done": "done", "refused": "refused"}.get(outcome, "not yet"),
                order=newly.index(step.number) if step.number in fresh else 0,
                y=top + gap * (step.number - 1) + font * 1.9,
                start=start + way * 13,
                tip=end - way * 3,
                base=end - way * 14,
                text=text,
                text_x=middle,
            )
        )
    roles = tuple(
        Role(role.css, role.name, role.narrow_name, role.sub, role.icon, x)
        for role, x in zip(chart.roles, xs, strict=True)
    )
    height = int(top + gap * len(chart.steps) + 4)
    return Drawing(
        "narrow-drawing" if narrow else "wide-drawing",
        width,
        height,
        box_width,
        box_height,
        font,
        roles,
        tuple(arrows),
        chart.label,
    )

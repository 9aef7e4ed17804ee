"""The sequence diagram of a call through the gateway."""

from __future__ import annotations

from examples.client_app.diagram import Chart, Role, Step

CLIENT, GATEWAY, GUARD, API = range(4)

STEPS = (
    Step(
        1,
        CLIENT,
        GATEWAY,
        "Request, with the token",
        "With token",
        "The client calls the gateway, as it would call the API",
        "For the client nothing changes: same path, same header. The gateway is nginx with the "
        "file of the recipe in examples/gateways/nginx.",
    ),
    Step(
        2,
        GATEWAY,
        GUARD,
        "May it pass?",
        "May it pass?",
        "The gateway asks the guard before it forwards anything",
        "nginx does this for each request, with auth_request. It sends the method, the target and "
        "the header fields, and no body. iiniit-guard serve is a process beside the gateway.",
    ),
    Step(
        3,
        GUARD,
        GATEWAY,
        "Yes, from whom; or no",
        "Yes, or no",
        "The guard checks the token and answers",
        "The rules in guard.toml say which scope a path and method require. 200 means that the "
        "request may pass, and names the subject. For a refusal the guard packs the answer for the "
        "client, with its challenge, into one header field.",
    ),
    Step(
        4,
        GATEWAY,
        API,
        "Request, with the subject",
        "With subject",
        "The gateway forwards the request to the API",
        "The API has no guard and knows nothing of OAuth. It reads who asks from X-Iiniit-Subject, "
        "which the gateway sets and a client cannot: the gateway replaces what a client sends. The "
        "API listens on a Unix socket that only this user can open.",
    ),
    Step(
        5,
        API,
        GATEWAY,
        "Profile",
        "Profile",
        "The API answers the gateway",
        "The same paths and profiles as on the first page. Any API in any language would do.",
    ),
    Step(
        6,
        GATEWAY,
        CLIENT,
        "Answer",
        "Answer",
        "The client gets the answer",
        "It is the answer of the API, or the refusal of the guard: 401, 403 or 503 with the same "
        "challenge as from an API with the guard inside.",
    ),
)
CHART = Chart(
    STEPS,
    (
        Role(
            "client-role",
            "Client",
            "Client",
            "this application",
            "M-10-8h20v16h-20zM-10-3h20M-7-5.5h.01",
        ),
        Role(
            "gateway-role",
            "Gateway",
            "Gateway",
            "nginx",
            "M-10-9v18M10-9v18M-10-9h20M-4 2h8M1-2l4 4l-4 4",
        ),
        Role(
            "guard-role",
            "Guard",
            "Guard",
            "iiniit-guard serve",
            "M0-10l9 3v6c0 6-4 9-9 11c-5-2-9-5-9-11v-6zM-4 0l3 3l6-6",
        ),
        Role(
            "api-role",
            "Resource server",
            "API",
            "the API, no guard inside",
            "M-10-8h20v6h-20zM-10 2h20v6h-20zM-6-5h.01M-6 5h.01",
        ),
    ),
    "Sequence diagram of a call through the gateway",
)

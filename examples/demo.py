"""Run the demo: `python -m examples.demo`, or `make demo`.

Environment variables: API=flask|django|starlette|fastapi|all selects the profile API,
TOKEN=jwt|opaque the kind of access token, PORT the first port, and GATEWAY=no leaves the gateway
out.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping

from examples.stack import FRAMEWORKS, GATEWAY, USERNAME, Plan, Stack, StackError


def plan_from(environ: Mapping[str, str]) -> Plan:
    """Create the plan from the environment variables.

    Raises:
        StackError: A variable has an invalid value.
    """
    api, token, port = (
        environ.get("API") or "flask",
        environ.get("TOKEN") or "jwt",
        environ.get("PORT") or "9000",
    )
    if api not in (*FRAMEWORKS, "all"):
        raise StackError(f"API is one of {', '.join(FRAMEWORKS)} and all")
    if token not in ("jwt", "opaque"):
        raise StackError("TOKEN is jwt or opaque")
    if not port.isascii() or not port.isdigit() or not 1024 <= int(port) <= 65000:
        raise StackError("PORT is a number from 1024 to 65000")
    frameworks = FRAMEWORKS if api == "all" else (api,)
    plan = Plan(frameworks, frameworks[0], {}, token)
    if environ.get("GATEWAY", "") not in ("", "yes", "no"):
        raise StackError("GATEWAY is yes or no")
    names = ["client", "authorization_server", *plan.api_names()]
    ports = {name: int(port) + index for index, name in enumerate(names)}
    return Plan(
        frameworks,
        frameworks[0],
        {**ports, "browser": int(port) + len(names) + 1},
        token,
        gateway_port=None if environ.get("GATEWAY") == "no" else int(port) + len(names),
    )


def announcement(stack: Stack) -> str:
    """Return the text that names the address to open and the accounts."""
    names = stack.plan.api_names()
    apis = "\n".join(
        f"  {stack.url(name)}  profile API, {framework}, jwt={jwt}"
        for name, (framework, jwt) in names.items()
    )
    gateway = (
        f"  (no gateway)           {stack.gateway_obstacle}"
        if stack.gateway_obstacle
        else f"  {stack.url(GATEWAY)}  nginx, which asks iiniit-guard serve"
    )
    python = os.path.relpath(sys.executable)
    rotate_keys = f"{python} -m examples.authorization_server rotate-keys {stack.database}"
    return f"""
The demo is running.

  Open      {stack.url("client")}
  or        {stack.url("browser")}  (a browser that binds its token to a key)
  Sign in   {USERNAME}
  Password  {stack.password}

  {stack.url("authorization_server")}  authorization server
{apis}
{gateway}

  New signing key:  {rotate_keys}
  Stop:             Ctrl-C
"""


def main() -> int:
    """Run until Ctrl-C or SIGTERM.

    Returns:
        The exit status: 1 if the demo cannot run or a process ends by itself. The other processes
        are ended too.
    """
    # Set SIGINT too. A script that starts the demo with & makes it inherit an ignored SIGINT, and
    # Python then installs no handler.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        stack = Stack(plan_from(os.environ))
        try:
            stack.start()
            print(announcement(stack), flush=True)
            while (ending := stack.first_ending()) is None:
                time.sleep(0.5)
            raise StackError(ending)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not stop the cleanup
            stack.stop()
    except StackError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The demo has stopped.")
        return 0


if __name__ == "__main__":
    sys.exit(main())

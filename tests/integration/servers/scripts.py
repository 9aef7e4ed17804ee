"""Scripts of a `LoopbackServer`, which control its connections. Tests write further scripts
themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.servers.certificates import Certificate
from tests.integration.servers.loopback import Answer, Peer, Received, Script


def answering(*answers: Answer | Callable[[Received], Answer]) -> Script:
    """Return a script that answers each connection's requests in turn, repeats the last answer, and
    keeps the connection open.
    """

    def script(peer: Peer) -> None:
        turn = 0
        while (request := peer.receive()) is not None:
            answer = answers[min(turn, len(answers) - 1)]
            peer.answer(answer if isinstance(answer, Answer) else answer(request))
            turn += 1

    return script


def once(act: Script) -> Script:
    """Return a script that reads one request and then calls `act`."""

    def script(peer: Peer) -> None:
        if peer.receive() is not None:
            act(peer)

    return script


def by_connection(*scripts: Script) -> Script:
    """Return a script that uses the first script for the first connection, and so on; the last
    script serves all further ones.
    """
    return lambda peer: scripts[min(peer.number, len(scripts)) - 1](peer)


def forwarding(certificate: Certificate | None = None, answer: Answer | None = None) -> Script:
    """Return the script of a forward proxy that also imitates every server behind it.

    Args:
        certificate: For its responses as the server behind a CONNECT.
        answer: To every request.
    """

    def script(peer: Peer) -> None:
        while (request := peer.receive()) is not None:
            if request.method == "CONNECT" and certificate is not None:
                peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                peer.start_tls(certificate)
            else:
                peer.answer(answer or Answer())

    return script

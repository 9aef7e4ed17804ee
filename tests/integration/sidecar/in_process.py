"""Serve in the test process, which blocks its main thread."""

from __future__ import annotations

import os
import signal
import threading


def in_a_thread(function, *, ends=True):
    """Call `function` in a thread while a server blocks this one, and end the server.

    Returns:
        The result of `function`.
    """
    outcome = []

    def work():
        try:
            outcome.append(function())
        except BaseException as error:
            outcome.append(error)
        finally:
            if ends:
                os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=work)
    thread.start()
    return outcome, thread


def ended(outcome, thread):
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]

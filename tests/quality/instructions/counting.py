"""Count the bytecode instructions and the calls that a function executes in the package.

The counts depend on the code and on the minor version of Python, not on the machine.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

import iiniit_guard

_PACKAGE: Final = f"{Path(iiniit_guard.__file__).parent}/"
_NOT_COUNTED: Final = f"{_PACKAGE}testing/"


class Count(NamedTuple):
    """What one function executed in the package.

    Attributes:
        instructions: The bytecode instructions.
        calls: The calls of functions, and the resumptions of generators and coroutines.
    """

    instructions: int
    calls: int


def count(function: Callable[[], object]) -> Count:
    """Call `function` and return what it executed in the package, without `testing`.

    Threads that `function` starts are counted too. Call `function` before, so that it no longer
    imports anything.
    """
    return _by_trace(function) if sys.version_info < (3, 12) else _by_monitoring(function)


def _is_counted(code: CodeType) -> bool:
    name = code.co_filename
    return name.startswith(_PACKAGE) and not name.startswith(_NOT_COUNTED)


def _by_trace(function: Callable[[], object]) -> Count:
    instructions = calls = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal instructions, calls
        if event == "call":
            if not _is_counted(frame.f_code):
                return None
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
            calls += 1
        instructions += event == "opcode"
        return trace

    before, before_in_threads = sys.gettrace(), threading.gettrace()
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
        threading.settrace(before_in_threads)
    return Count(instructions, calls)


def _by_monitoring(function: Callable[[], object]) -> Count:
    # PEP 669. A return value of DISABLE ends the events of one instruction, so code outside the
    # package costs one event for each of its instructions.
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]  # mypy checks for 3.11
    tool, events = monitoring.DEBUGGER_ID, monitoring.events
    instructions = calls = 0

    def on_instruction(code: CodeType, offset: int) -> Any:
        nonlocal instructions
        if not _is_counted(code):
            return monitoring.DISABLE
        instructions += 1
        return None

    def on_call(code: CodeType, offset: int) -> Any:
        nonlocal calls
        if not _is_counted(code):
            return monitoring.DISABLE
        calls += 1
        return None

    monitoring.use_tool_id(tool, "instructions")
    try:
        monitoring.register_callback(tool, events.INSTRUCTION, on_instruction)
        monitoring.register_callback(tool, events.PY_START, on_call)
        monitoring.register_callback(tool, events.PY_RESUME, on_call)
        monitoring.set_events(tool, events.INSTRUCTION | events.PY_START | events.PY_RESUME)
        function()
    finally:
        monitoring.set_events(tool, events.NO_EVENTS)
        monitoring.free_tool_id(tool)
    return Count(instructions, calls)

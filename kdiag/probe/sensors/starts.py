"""Which lines start threads, from 3.12 on: the interpreter calls back when the code of `Thread.start` begins.

Only that one function is watched, so nothing else of the service's gets dearer. Nothing is replaced, and where
something has taken its place already, or both tools that no one is meant to take, there is nothing to tell.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .places import Place, place

if TYPE_CHECKING:
    from types import CodeType

_monitoring: Any = getattr(sys, "monitoring", None)
_TOOLS = (3, 4)  # as `hooks.raises`, which takes the other one first
_TOOL = "kdiag-starts"
_FRAMES = 6
_NOTED = 4096
_PLACES = 64


class StartsSensor:
    """See the module."""

    name = "starts"
    period_s = 0.5

    def __init__(self) -> None:
        self._noted: deque[tuple[tuple[CodeType, int], ...]] = deque(maxlen=_NOTED)  # filled by the callback
        self._lock = threading.Lock()  # guards all below; only threads of ours take it
        self._places: Counter[tuple[Place, ...]] = Counter()
        self.dropped = 0
        self._tool: int | None = None
        self._code: CodeType | None = None

    def start(self) -> None:
        """Have the interpreter call back."""
        function = threading.Thread.__dict__.get("start")
        if _monitoring is None or type(function) is not FunctionType:
            return
        for tool in _TOOLS:
            try:
                _monitoring.use_tool_id(tool, _TOOL)
            except ValueError:  # somebody has it
                continue
            self._tool, self._code = tool, function.__code__
            _monitoring.register_callback(tool, _monitoring.events.PY_START, self._callback())
            _monitoring.set_local_events(tool, self._code, _monitoring.events.PY_START)
            return

    def stop(self) -> None:
        """Have it call back no more."""
        tool, self._tool = self._tool, None
        if tool is not None and _monitoring.get_tool(tool) == _TOOL:
            _monitoring.set_local_events(tool, self._code, 0)
            _monitoring.register_callback(tool, _monitoring.events.PY_START, None)
            _monitoring.free_tool_id(tool)
        self._noted.clear()

    @property
    def buffered(self) -> int:
        """Starts that are not accounted for yet, and places."""
        return len(self._noted) + len(self._places)

    def tick(self) -> None:
        """Account for the starts since the last time."""
        with self._lock:
            self._drain()

    def data(self, since: int) -> dict[str, Any]:  # noqa: ARG002 - every answer is complete
        """How many threads each place has started; `available` tells whether they are seen at all."""
        with self._lock:
            self._drain()
            return {
                "at": time.perf_counter(),
                "available": self._tool is not None,
                "places": [
                    {"frames": [list(each) for each in frames], "count": count}
                    for frames, count in self._places.most_common()
                ],
            }

    def _drain(self) -> None:
        for _ in range(len(self._noted)):
            frames = tuple(place(code, line) for code, line in self._noted.popleft())
            if frames in self._places or len(self._places) < _PLACES:
                self._places[frames] += 1
            else:
                self.dropped += 1

    def _callback(self) -> Any:
        note, frame_of = self._noted.append, sys._getframe

        def started(_code: CodeType, _offset: int) -> None:
            try:
                frame = frame_of(1).f_back
                found: list[tuple[CodeType, int]] = []
                while frame is not None and len(found) < _FRAMES:
                    found.append((frame.f_code, frame.f_lineno or 0))
                    frame = frame.f_back
                note(tuple(found))
            except RecursionError:  # the service is at its limit; it will notice itself
                pass

        return started

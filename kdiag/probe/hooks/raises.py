"""Exceptions as they are raised, from 3.12 on: the only way to see those that are swallowed in silence.

The interpreter tells of every exception in every frame that it goes through, so most calls end at the first question.
Only three types are looked at further, and each exception once. Separate: one file a hook.

Where a service raises so much that even that question costs too much, there are rests.
"""

from __future__ import annotations

import itertools
import sys
import time
from _thread import get_ident
from typing import TYPE_CHECKING, Any

from .facts import is_library, known_files
from .guard import OVERFLOW
from .kinds import LOOKED_AT, NIL, OTHER, kind_of
from .store import SILENT, Group

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from .store import Store

_monitoring: Any = getattr(sys, "monitoring", None)
_TOOLS = (4, 3)  # that no debugger, coverage tool, profiler or optimizer is meant to take
_TOOL = "kdiag"
_KNOWN = 1024
_BUDGET = 0.02  # of one processor, for calls that end at the first question
_TRIALS = 500


class RaiseHook:
    """See the module."""

    name = SILENT

    def __init__(self, store: Store, now: Callable[[], float] = time.perf_counter) -> None:
        self._store = store
        self._now = now
        self._tool: int | None = None
        # By the ids and offsets of the outermost and innermost code: that code, so that its ids stay its own.
        self._known: dict[tuple[int, int, int, int], tuple[Group, CodeType, CodeType]] = {}
        self._direct: dict[tuple[int, int], tuple[Group, CodeType, CodeType]] = {}  # where both are the same
        self._calls = itertools.count()  # of the callback
        self._asked = 0  # how often it was counted up to look at it
        self._counted = 0
        self._call_s = 0.0
        self._looked_at = 0.0
        self._rests_until = 0.0

    def place(self) -> bool:
        """Put it in."""
        if _monitoring is None:
            return False
        for tool in _TOOLS:
            try:
                _monitoring.use_tool_id(tool, _TOOL)
            except ValueError:  # somebody has it
                continue
            self._tool = tool
            self._call_s = self._trial()
            self._looked_at = self._now()
            _monitoring.register_callback(tool, _monitoring.events.RAISE, self._callback())
            self._listen(on=True)
            return True
        return False

    def remove(self) -> None:
        """Take it out."""
        tool, self._tool = self._tool, None
        self._store.sees_raises = False
        if tool is not None and _monitoring.get_tool(tool) == _TOOL:
            _monitoring.set_events(tool, 0)
            _monitoring.register_callback(tool, _monitoring.events.RAISE, None)
            _monitoring.free_tool_id(tool)
        self._known.clear()
        self._direct.clear()

    def tick(self) -> None:
        """Rest where the last stretch was too dear, so that in all it is not."""
        now, calls = self._now(), self._count()
        spent, elapsed = (calls - self._counted) * self._call_s, now - self._looked_at
        self._store.told_s += spent
        self._counted, self._looked_at = calls, now
        if self._store.sees_raises and spent > _BUDGET * elapsed:
            self._rests_until = now + spent / _BUDGET - elapsed
            self._listen(on=False)
        elif not self._store.sees_raises and now >= self._rests_until:
            self._listen(on=True)

    def _listen(self, *, on: bool) -> None:
        if self._tool is not None:
            _monitoring.set_events(self._tool, _monitoring.events.RAISE if on else 0)
            self._store.sees_raises = on

    def _count(self) -> int:
        self._asked += 1
        return next(self._calls) - self._asked + 1

    def _trial(self) -> float:
        """Seconds that a call takes that ends at the first question."""
        callback, code, exc = self._callback(), self._trial.__func__.__code__, KeyError()  # type: ignore[attr-defined]
        started = time.thread_time()
        for _ in range(_TRIALS):
            callback(code, 0, exc)
        self._asked += _TRIALS
        return (time.thread_time() - started) / _TRIALS

    def _callback(self) -> Callable[[CodeType, int, BaseException], None]:
        """What the interpreter calls.

        Crashes where there was one before, with the same message and in a thread that is known, are counted in place.
        """
        count, looked_at, now, store, groups = self._calls.__next__, LOOKED_AT, self._now, self._store, self._direct
        call, look, own_ident, files = store.guard.call, self._look, get_ident, known_files

        def raised(code: CodeType, offset: int, exc: BaseException) -> None:
            count()
            if type(exc) not in looked_at:
                return
            started, args, stack = now(), exc.args, exc.__traceback__
            if stack is None or len(args) != 1 or type(args[0]) is not str:
                return
            if stack.tb_next is not None:
                if files.get(stack.tb_next.tb_frame.f_code.co_filename) is False:
                    return  # it was counted there
            else:
                known = groups.get((id(code), offset))
                if known is not None and known[0].message == args[0] and own_ident() in known[0].idents:
                    store.append_raised(known[0])
                    known[0].last_at = at = now()
                    store.told_s += at - started
                    return
            if "NoneType" in args[0] or type(exc) is RuntimeError:
                try:
                    call(look, code, offset, exc)
                except OVERFLOW:
                    pass
                store.told_s += now() - started

        return raised

    def _look(self, code: CodeType, offset: int, exc: BaseException) -> None:
        """Count an exception in its first frame that is not of the interpreter's own library: it may handle its own."""
        first = stack = exc.__traceback__  # of a type of the interpreter's own
        if first is None or stack is None or is_library(code.co_filename) or kind_of(exc) == OTHER:
            return
        while stack.tb_next is not None:
            stack = stack.tb_next
            if not is_library(stack.tb_frame.f_code.co_filename):
                return  # it was counted there
        inner = stack.tb_frame.f_code
        key = (id(code), offset, id(inner), stack.tb_lasti)
        known = self._known.get(key)
        if known is None:
            group = self._store.group_of(exc)
            if group is None:
                return
            if len(self._known) >= _KNOWN:
                self._known.clear()
                self._direct.clear()
            known = self._known[key] = (group, code, inner)
            if stack is first and group.kind == NIL:
                self._direct[id(code), offset] = known
        self._store.raised(known[0], exc)

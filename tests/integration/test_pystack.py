"""pystack by way of a child: what it sees, and that its crash is an error like any other."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import psutil
import pytest

from kdiag.sources.pystack import Pystack
from kdiag.sources.stacks import look_with_pystack
from kdiag.sources.tools import SourceError
from tests.support.interpreters import Interpreter, each_interpreter
from tests.support.targets import start_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.sources.pystack import PystackThread

Result = TypeVar("Result")


@each_interpreter(one_per_minor=True)
def test_threads_and_frames_are_seen(python: Interpreter) -> None:
    with start_target("deadlock_two_locks", python=python) as target:
        threads = in_the_end(lambda: look_with_pystack(target.pid))
    files = {frame.file for thread in threads for frame in thread.frames}
    assert len(threads) >= 2
    assert any(file.endswith("deadlock_two_locks.py") for file in files)
    assert all(thread.frames[-1].function != "" for thread in threads if thread.frames)


def test_flags_come_without_frames() -> None:
    with start_target("gc_pressure") as target, Pystack(target.pid) as pystack:
        looks: list[tuple[PystackThread, ...]] = []
        while not any(thread.collecting for look in looks for thread in look):
            looks.append(in_the_end(lambda: pystack.look("flags")))
            assert len(looks) < 200, "no collection is seen"
    assert not any(thread.frames for look in looks for thread in look)


def test_a_crash_is_an_error_and_the_next_look_starts_anew() -> None:
    with start_target("gc_pressure") as target, Pystack(target.pid) as pystack:
        in_the_end(lambda: pystack.look("flags"))
        (child,) = children()
        child.kill()
        with pytest.raises(SourceError) as error:
            pystack.look("flags")
        assert error.value.reference == "pystack-crashed"
        with contextlib.suppress(SourceError):
            assert pystack.look("flags")
    assert not children()


def test_a_target_that_cannot_be_read_is_an_error() -> None:
    with Pystack(2**22 - 1) as pystack, pytest.raises(SourceError) as error:
        pystack.look("stacks")
    assert error.value.reference == "pystack-failed"


def in_the_end(look: Callable[[], Result]) -> Result:
    """What a look gives; pystack itself crashes now and then, most often while its target moves."""
    for _ in range(10):
        with contextlib.suppress(SourceError):
            return look()
    return look()


def children() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # another one that has just ended
            found += [each] if "kdiag.sources.pystack_child" in each.cmdline() else []
    return found

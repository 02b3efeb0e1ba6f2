"""Reported errors: who hears of them, from where, and how they are slowed down (items 17 and 18)."""

from __future__ import annotations

import _thread
import threading

import pytest

from kdiag.machinery import runtime
from kdiag.machinery.clock import FakeClock
from kdiag.machinery.runtime import Caller, ErrorBackoff, get_caller, handle_error, must
from tests.unit.machinery.background import HANGING_S, together

CALLER = Caller("file.py", 1, "f")


def test_handle_error_of_none_is_a_no_op() -> None:
    runtime.error_handlers[:] = [lambda *_: pytest.fail("called without an error")]
    handle_error(None)


def test_all_error_handlers_run_in_order() -> None:
    called: list[tuple[str, BaseException, str]] = []
    runtime.error_handlers[:] = [
        lambda error, message, _: called.append(("first", error, message)),
        lambda error, message, _: called.append(("second", error, message)),
    ]
    error = OSError("full")
    handle_error(error, "cannot write")
    assert called == [("first", error, "cannot write"), ("second", error, "cannot write")]


@pytest.mark.parametrize(
    ("message", "logged"), [("", "OSError('full')"), ("cannot write", "cannot write: OSError('full')")]
)
def test_the_log_has_the_callers_file_and_line(message: str, logged: str, caplog: pytest.LogCaptureFixture) -> None:
    handle_error(OSError("full"), message)
    (record,) = caplog.records
    line = test_the_log_has_the_callers_file_and_line.__code__.co_firstlineno
    assert record.getMessage() == logged
    assert record.pathname == __file__
    assert line < record.lineno <= line + 4
    assert record.funcName == "test_the_log_has_the_callers_file_and_line"


def test_an_error_handler_that_raises_does_not_keep_the_next_from_running(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[BaseException] = []

    def broken(*_: object) -> None:
        raise RuntimeError("the handler is broken")

    runtime.error_handlers[:] = [broken, lambda error, *_: seen.append(error)]
    handle_error(OSError("full"))
    assert len(seen) == 1
    assert "the handler is broken" in caplog.text


def test_the_log_and_a_limiter_of_one_millisecond_are_there_from_the_start() -> None:
    log, limiter = runtime.error_handlers
    assert log is runtime.log_error
    assert isinstance(limiter, ErrorBackoff)
    assert limiter._min_period_s == 0.001


def test_errors_that_storm_are_slowed_down() -> None:
    clock = FakeClock()
    limiter = ErrorBackoff(1.0, now=clock.now, sleep=clock.sleep)
    limiter(OSError(), "", CALLER)
    assert clock.now() == 0.0
    limiter(OSError(), "", CALLER)
    assert clock.now() == 1.0


def test_errors_that_are_rare_are_not_slowed_down() -> None:
    clock = FakeClock()
    limiter = ErrorBackoff(1.0, now=clock.now, sleep=clock.sleep)
    limiter(OSError(), "", CALLER)
    clock.step(0.75)
    limiter(OSError(), "", CALLER)
    assert clock.now() == 1.0, "the rest of the period"
    clock.step(5.0)
    limiter(OSError(), "", CALLER)
    assert clock.now() == 6.0


def test_no_more_than_a_period_is_slept_when_time_goes_backwards() -> None:
    slept: list[float] = []
    times = iter([100.0, 100.0, 40.0, 40.0])
    limiter = ErrorBackoff(1.0, now=lambda: next(times), sleep=slept.append)
    limiter(OSError(), "", CALLER)
    limiter(OSError(), "", CALLER)
    assert slept == [1.0]


@pytest.mark.parametrize("_round", range(20))
def test_thirty_callers_sleep_side_by_side_not_one_after_the_other(_round: int) -> None:
    # All but the first have to sleep. Each sleeps until all the others do: were the lock held meanwhile, they hung.
    asleep = threading.Barrier(29)
    limiter = ErrorBackoff(1.0, now=lambda: 0.0, sleep=lambda _: asleep.wait(HANGING_S))
    together(*(lambda: limiter(OSError(), "", CALLER) for _ in range(30)))
    assert not asleep.broken


def test_must_raises_an_error_and_nothing_else() -> None:
    must(None)
    error = OSError("full")
    with pytest.raises(OSError, match="full") as caught:
        must(error)
    assert caught.value is error


def test_get_caller_is_the_place_that_called_who_asks() -> None:
    def asks() -> Caller:
        return get_caller()

    caller = asks()
    assert caller.file == __file__
    assert caller.line == test_get_caller_is_the_place_that_called_who_asks.__code__.co_firstlineno + 4
    assert caller.function.endswith("test_get_caller_is_the_place_that_called_who_asks")
    assert str(caller) == f"{caller.file}:{caller.line} ({caller.function})"


def test_get_caller_where_nobody_called_says_so() -> None:
    callers: list[Caller] = []
    asked = threading.Event()

    def outermost() -> None:
        callers.append(get_caller())
        asked.set()

    _thread.start_new_thread(outermost, ())  # the interpreter itself calls it: there is no frame below
    assert asked.wait(HANGING_S)
    assert callers == [Caller("(unknown file)", 0, "(unknown function)")]

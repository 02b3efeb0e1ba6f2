"""Crash handling: who is told, what goes on, what is logged (items 14 to 16 and 18 of the conformance list)."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from kdiag.machinery import runtime
from kdiag.machinery.runtime import RecoveredPanic, handle_crash, recover_from_panic
from kdiag.machinery.runtime import crash as crashing

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

LOGGER = "kdiag.machinery.runtime"


def crash() -> None:
    raise ValueError("boom")


def crash_line() -> int:
    return crash.__code__.co_firstlineno + 1


def in_block(really_crash: bool, body: Callable[[], object]) -> object:
    with handle_crash(really_crash=really_crash):
        return body()
    return None


def in_function(really_crash: bool, body: Callable[[], object]) -> object:
    @handle_crash(really_crash=really_crash)
    def guarded() -> object:
        return body()

    return guarded()


def in_coroutine(really_crash: bool, body: Callable[[], object]) -> object:
    @handle_crash(really_crash=really_crash)
    async def guarded() -> object:
        await asyncio.sleep(0)
        return body()

    return asyncio.run(guarded())


every_use = pytest.mark.parametrize("guarded", [in_block, in_function, in_coroutine])


@every_use
def test_handlers_are_called_and_the_crash_goes_on(guarded: Callable[..., object]) -> None:
    seen: list[BaseException] = []
    runtime.panic_handlers.append(seen.append)
    with pytest.raises(ValueError, match="boom") as caught:
        guarded(True, crash)
    assert seen == [caught.value]


def test_where_nothing_is_said_the_setting_decides_when_it_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    @handle_crash
    def guarded() -> None:
        crash()

    with pytest.raises(ValueError, match="boom"):
        guarded()
    monkeypatch.setattr(crashing, "really_crash", False)
    guarded()
    with pytest.raises(ValueError, match="boom"), handle_crash(really_crash=True):
        crash()


@every_use
def test_the_crash_ends_here_unless_it_really_crashes(guarded: Callable[..., object]) -> None:
    seen: list[BaseException] = []
    runtime.panic_handlers.append(seen.append)
    assert guarded(False, crash) is None
    assert len(seen) == 1


@every_use
def test_it_is_silent_when_there_is_no_exception(
    guarded: Callable[..., object], caplog: pytest.LogCaptureFixture
) -> None:
    runtime.panic_handlers.append(lambda _: pytest.fail("called without a crash"))
    assert guarded(True, lambda: "result") == "result"
    assert caplog.records == []


def test_global_handlers_are_called_in_order_then_the_additional_ones() -> None:
    called: list[str] = []
    runtime.panic_handlers[:] = [lambda _: called.append("first"), lambda _: called.append("second")]
    with (
        pytest.raises(ValueError, match="boom"),
        handle_crash(handlers=[lambda _: called.append("third"), lambda _: called.append("fourth")]),
    ):
        crash()
    assert called == ["first", "second", "third", "fourth"]


def test_one_guard_serves_nested_and_repeated_uses() -> None:
    seen: list[BaseException] = []
    runtime.panic_handlers[:] = [seen.append]
    guard = handle_crash(really_crash=False)
    for _ in range(3):
        with guard, guard:
            crash()
    assert len(seen) == 3, "the inner one ended it"


def test_the_bare_decorator_guards_too() -> None:
    seen: list[BaseException] = []
    runtime.panic_handlers[:] = [seen.append]

    @handle_crash
    def guarded(number: int) -> float:
        """Divide."""
        return 1 / number

    assert guarded(2) == 0.5
    with pytest.raises(ZeroDivisionError):
        guarded(0)
    assert len(seen) == 1
    assert (guarded.__name__, guarded.__doc__) == ("guarded", "Divide.")


def test_a_guarded_coroutine_function_is_one() -> None:
    @handle_crash
    async def guarded() -> None: ...

    assert inspect.iscoroutinefunction(guarded)
    asyncio.run(guarded())


def test_the_stack_of_a_crash_that_goes_on_is_whole() -> None:
    with pytest.raises(ValueError, match="boom") as caught, handle_crash():
        crash()
    assert caught.traceback[-1].name == "crash"


def test_the_log_says_what_was_observed_then_the_stack(caplog: pytest.LogCaptureFixture) -> None:
    with handle_crash(really_crash=False):
        crash()
    (record,) = caplog.records
    first, *stack = record.getMessage().splitlines()
    assert first == "Observed a panic: ValueError('boom')"
    assert stack[0] == "Traceback (most recent call last):"
    assert stack[-1] == "ValueError: boom"
    assert (record.name, record.levelno) == (LOGGER, logging.ERROR)


def test_the_log_is_attributed_to_the_line_that_raised(caplog: pytest.LogCaptureFixture) -> None:
    with handle_crash(really_crash=False):
        crash()
    (record,) = caplog.records
    assert (record.pathname, record.lineno, record.funcName) == (__file__, crash_line(), "crash")


def test_the_log_of_an_exception_that_was_never_raised_says_so(caplog: pytest.LogCaptureFixture) -> None:
    runtime.log_panic(ValueError("boom"))
    assert caplog.records[0].pathname == "(unknown file)"


@pytest.mark.parametrize("value", ["x" * 1_000_000, "ü" * 1_000_000, "\udc80" * 100_000, "line\n" * 100_000])
def test_the_log_is_at_most_64_kib_and_ends_with_the_line_that_raised(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        else:
            raise RuntimeError("at the bottom") from ValueError(value)

    with handle_crash(really_crash=False):
        deep(300)
    message = caplog.records[0].getMessage()
    assert len(message.encode("utf-8", "surrogateescape")) <= 64 * 1024
    assert message.startswith("Observed a panic: RuntimeError('at the bottom')\n")
    assert message.endswith("RuntimeError: at the bottom\n")
    assert "[... cut ...]" in message


def test_the_first_line_is_one_line_of_bounded_length(caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Exception):
        def __repr__(self) -> str:
            return "Odd\n" * 10_000

    with handle_crash(really_crash=False):
        raise Odd
    first = caplog.records[0].getMessage().splitlines()[0]
    assert first.startswith("Observed a panic: Odd\\nOdd")
    assert len(first) < 5_000


def test_an_exception_whose_repr_crashes_is_logged_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

        __str__ = __repr__

    with handle_crash(really_crash=False):
        raise Broken
    assert "unprintable Broken" in caplog.records[0].getMessage().splitlines()[0]


class Abort(Exception):
    """A program's own way to end quietly."""


@every_use
@pytest.mark.parametrize("really_crash", [True, False])
@pytest.mark.parametrize("quiet", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Abort])
def test_what_ends_quietly_is_not_logged_and_still_propagates(
    guarded: Callable[..., object], really_crash: bool, quiet: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    runtime.quiet_exceptions.append(Abort)
    runtime.panic_handlers.append(lambda _: pytest.fail("called for a quiet exception"))

    def end() -> None:
        raise quiet

    with pytest.raises(quiet):
        guarded(really_crash, end)
    assert caplog.records == []


def test_a_handler_that_raises_loses_neither_the_crash_nor_the_other_handlers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[BaseException] = []

    def broken(_: BaseException) -> None:
        raise RuntimeError("the handler is broken")

    runtime.panic_handlers[:] = [broken, seen.append]
    with pytest.raises(ValueError, match="boom"), handle_crash(handlers=[broken, seen.append]):
        crash()
    assert [str(each) for each in seen] == ["boom", "boom"]
    assert len(caplog.records) == 2
    assert "the handler is broken" in caplog.text


def test_a_broken_log_loses_neither_the_crash_nor_the_other_handlers() -> None:
    class Broken(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            raise OSError("disk full")

    seen: list[BaseException] = []
    runtime.panic_handlers.append(seen.append)
    logger, broken = logging.getLogger(LOGGER), Broken()
    logger.addHandler(broken)
    try:
        with pytest.raises(ValueError, match="boom"), handle_crash():
            crash()
    finally:
        logger.removeHandler(broken)
    assert len(seen) == 1


def test_a_handler_may_take_itself_off_the_list() -> None:
    called: list[str] = []

    def once(_: BaseException) -> None:
        called.append("once")
        runtime.panic_handlers.remove(once)

    runtime.panic_handlers[:] = [once, lambda _: called.append("always")]
    for _ in range(2):
        with handle_crash(really_crash=False):
            crash()
    assert called == ["once", "always", "always"]


def test_a_silenced_log_costs_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.CRITICAL)
    monkeypatch.setattr(logger, "makeRecord", lambda *_: pytest.fail("made a record"))
    try:
        with handle_crash(really_crash=False):
            crash()
    finally:
        logger.setLevel(logging.NOTSET)


def test_recover_from_panic_turns_a_crash_into_a_value_with_its_stack() -> None:
    with recover_from_panic() as recovered:
        crash()
    assert isinstance(recovered.error, RecoveredPanic)
    assert str(recovered.error) == "recovered from panic ValueError('boom')"
    assert isinstance(recovered.error.__cause__, ValueError)
    assert f"line {crash_line()}, in crash" in recovered.error.stack


def test_recover_from_panic_has_no_error_when_nothing_crashed() -> None:
    with recover_from_panic() as recovered:
        pass
    assert recovered.error is None


def test_recover_from_panic_lets_through_what_ends_quietly() -> None:
    with pytest.raises(SystemExit), recover_from_panic():
        raise SystemExit


def test_who_makes_the_records_is_told_of_the_exception_and_its_stack_is_printed_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[tuple[type, Exception, TracebackType]] = []
    in_test = sys._getframe().f_code.co_name
    factory = logging.getLogRecordFactory()

    def make(*args: object, **kwargs: object) -> logging.LogRecord:
        told.append(args[6])  # type: ignore[arg-type]
        return factory(*args, **kwargs)

    logging.setLogRecordFactory(make)
    try:
        with handle_crash(really_crash=False):
            crash()
    finally:
        logging.setLogRecordFactory(factory)
    ((kind, exc, stack),) = told
    assert (kind, str(exc), stack.tb_frame.f_code.co_name) == (ValueError, "boom", in_test)
    assert caplog.text.count("Traceback") == 1

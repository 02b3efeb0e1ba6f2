"""Crash handling: the guard that every loop, thread and callback of ours runs under.

It is separate from the handling of reported errors, because a crash carries a stack and goes on, an error does not.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .caller import UNKNOWN, Caller, log_at, place

if TYPE_CHECKING:
    from types import TracebackType
    from typing import overload

F = TypeVar("F", bound=Callable[..., Any])
PanicHandler = Callable[[BaseException], object]

MAX_REPORT_BYTES = 64 * 1024
MAX_VALUE_CHARS = 2048

# Exceptions that end code on purpose. Append to it what else your program ends quietly by; asyncio's CancelledError
# belongs to it without being imported.
quiet_exceptions: list[type[BaseException]] = [SystemExit, KeyboardInterrupt, GeneratorExit]


# Whether crashes go on after the handlers, where `handle_crash` was not told. Change it by `kdiag.really_crash`.
really_crash = True


def log_panic(exc: BaseException) -> None:
    """Log `exc` and its stack, attributed to the line that raised it, in at most 64 KiB."""
    log_at(_raised_at(exc), _describe(exc), exc)


# Called in order with the exception of every crash. Changed by whoever wants to hear of crashes, in any thread: it is
# read through a copy.
panic_handlers: list[PanicHandler] = [log_panic]


if TYPE_CHECKING:  # at run time `typing` would keep alive every copy of this module that was loaded into a service

    @overload
    def handle_crash(f: F) -> F: ...
    @overload
    def handle_crash(
        f: None = None, *, handlers: Iterable[PanicHandler] = (), really_crash: bool | None = None
    ) -> _CrashGuard: ...


def handle_crash(
    f: F | None = None, *, handlers: Iterable[PanicHandler] = (), really_crash: bool | None = None
) -> F | _CrashGuard:
    """Guard a block, as a context manager, or a function or coroutine function, as a decorator.

    On a crash the global `panic_handlers` are called in order, then `handlers`; then the exception goes on, or ends
    here when `really_crash` is false (a guarded function then returns None). Quiet exceptions always go on. Where
    nothing is said, this module's `really_crash` decides when it happens.
    """
    guard = _CrashGuard(tuple(handlers), really_crash)
    return guard if f is None else guard(f)


class _CrashGuard:
    """One guard. It has no state, so one object serves any number of threads and of nested uses."""

    __slots__ = ("_handlers", "_really_crash")

    def __init__(self, handlers: tuple[PanicHandler, ...], really_crash: bool | None) -> None:
        self._handlers = handlers
        self._really_crash = really_crash

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> bool:
        if exc is None or is_quiet(exc):
            return False
        for handler in (*panic_handlers, *self._handlers):
            try:
                handler(exc)
            except Exception as failure:  # it must hide the crash neither from the next handler nor from the caller
                note_broken_handler(handler, failure)
        return not (really_crash if self._really_crash is None else self._really_crash)

    def __call__(self, f: F) -> F:
        import inspect  # noqa: PLC0415 - only who decorates pays for it

        if inspect.iscoroutinefunction(f):

            @functools.wraps(f)
            async def guarded_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await f(*args, **kwargs)

            return cast("F", guarded_coroutine)

        @functools.wraps(f)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self:
                return f(*args, **kwargs)

        return cast("F", guarded)


class RecoveredPanic(Exception):
    """A crash as an error value: the exception is its `__cause__`, the formatted stack its `stack`."""

    def __init__(self, message: str, stack: str) -> None:
        super().__init__(message)
        self.stack = stack


class recover_from_panic:  # noqa: N801 - reads as a statement, like contextlib.suppress
    """Turn a crash of the block into a value: `error` is None, or a `RecoveredPanic`. Quiet exceptions go on."""

    error: RecoveredPanic | None = None

    def __enter__(self) -> recover_from_panic:  # noqa: PYI034 - Self is newer than the language floor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> bool:
        if exc is None or is_quiet(exc):
            return False
        self.error = RecoveredPanic(f"recovered from panic {safe_repr(exc)}", _format_stack(exc))
        self.error.__cause__ = exc
        return True


def is_quiet(exc: BaseException) -> bool:
    """Tell whether `exc` ends code on purpose."""
    if isinstance(exc, tuple(quiet_exceptions)):
        return True
    # Where asyncio was never imported, nothing can raise its CancelledError.
    asyncio_exceptions = sys.modules.get("asyncio.exceptions")
    return asyncio_exceptions is not None and isinstance(exc, asyncio_exceptions.CancelledError)


def safe_repr(value: object) -> str:
    """Return `repr(value)` on one bounded line, whatever its `__repr__` does."""
    try:
        text = repr(value)
    except Exception as exc:
        text = f"<unprintable {type(value).__name__}: its repr raised {type(exc).__name__}>"
    if len(text) > MAX_VALUE_CHARS:
        text = f"{text[:MAX_VALUE_CHARS]}… ({len(text)} characters)"
    return text.replace("\n", "\\n")


def note_broken_handler(handler: object, failure: Exception) -> None:
    """Log that a handler crashed; silent where the log itself is what is broken."""
    with contextlib.suppress(Exception):
        log_at(_raised_at(failure), f"A crash or error handler crashed: {safe_repr(handler)}\n{_describe(failure)}")


def _describe(exc: BaseException) -> str:
    return _bounded(f"Observed a panic: {safe_repr(exc)}\n{_format_stack(exc)}")


def _format_stack(exc: BaseException) -> str:
    return _bounded("".join(traceback.format_exception(type(exc), exc, exc.__traceback__)))


def _bounded(text: str) -> str:
    """Cut the middle out of a long text: what began it and the line that raised both matter."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= MAX_REPORT_BYTES:
        return text
    cut = b"\n  [... cut ...]\n"
    half = (MAX_REPORT_BYTES - len(cut)) // 2
    return (data[:half] + cut + data[-half:]).decode("utf-8", "ignore")


def _raised_at(exc: BaseException) -> Caller:
    stack = exc.__traceback__
    if stack is None:
        return UNKNOWN
    while stack.tb_next is not None:
        stack = stack.tb_next
    return place(stack.tb_frame, stack.tb_lineno)

"""Where a call comes from, and log records that say so.

Separate because a crash is attributed to the line that raised and an error to the line that reported it: both are
another place than the one that writes the log.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import FrameType

LOGGER = __name__.rpartition(".")[0]


class Caller(NamedTuple):
    """A place in the code: `function` is the qualified name where the interpreter knows it (3.11 and later)."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.function})"


UNKNOWN = Caller("(unknown file)", 0, "(unknown function)")


def place(frame: FrameType | None, line: int | None = None) -> Caller:
    """Return the place where `frame` is, or its line `line` where that is another one."""
    if frame is None:
        return UNKNOWN
    code = frame.f_code
    return Caller(code.co_filename, line or frame.f_lineno, getattr(code, "co_qualname", code.co_name))


def get_caller() -> Caller:
    """Return the place that called the function that asks."""
    return place(sys._getframe(1).f_back)


def log_at(where: Caller, message: str, exc: BaseException | None = None) -> None:
    """Log `message` as an error of the place `where`; it says all of the exception that is to be read.

    Who makes the records is given the exception, too: there the probe hears of crashes.
    """
    import logging  # noqa: PLC0415 - who never crashes neither pays for it nor leaves a logger in a process

    logger = logging.getLogger(LOGGER)
    if logger.isEnabledFor(logging.ERROR):
        told = None if exc is None else (type(exc), exc, exc.__traceback__)
        record = logger.makeRecord(
            logger.name, logging.ERROR, where.file, where.line, message, (), told, func=where.function
        )
        record.exc_info = None  # or its stack would be printed twice
        logger.handle(record)

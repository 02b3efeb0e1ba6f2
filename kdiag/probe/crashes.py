"""What became of crashes of our own: counted, told to the host, and never heard of in the target.

It is separate from machinery's crash handling, which logs: here the log is the service's, and none of our business.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Crashes:
    """A guard, for any number of threads and blocks: what raises within it ends there."""

    def __init__(self) -> None:
        self.count = 0
        self.last = ""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> bool:
        if exc is not None:
            self.note(exc)
        return True

    def note(self, exc: BaseException) -> None:
        """Count a crash and remember where it was; not what it said, which may be the service's data."""
        stack = exc.__traceback__
        while stack is not None and stack.tb_next is not None:
            stack = stack.tb_next
        where = f"{stack.tb_frame.f_code.co_filename}:{stack.tb_lineno}" if stack else "?"
        self.count += 1
        self.last = f"{type(exc).__name__} at {where}"

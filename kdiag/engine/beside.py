"""Records a process while something else looks at it: what `--record` is for commands that diagnose nothing themselves.

Separate from them because each looks at one thing in its own way, and a recording holds everything that a diagnosis
reads: an observation runs beside, so that `diagnose --from` and `replay` open the file as any other.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kdiag.engine.diagnosis import diagnosis
from kdiag.machinery.context import background, with_cancel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.engine.inside import WayIn


@contextmanager
def recorded(pid: int, file: Path | None, *, window_s: float, way: WayIn) -> Iterator[None]:
    """Keep in a file what is to be seen of a process while the block runs; without a file nothing is done.

    Raises:
        KdiagError: it cannot be observed, or nothing can be written.
    """
    if file is None:
        yield
        return
    (session,) = diagnosis(pid, window_s=window_s, full=True, children=False, attach=way, record=file).sessions
    context, cancel = with_cancel(background())
    try:
        session.enter()
        session.start(context)
        yield
        cancel()
        session.finish()
    finally:
        cancel()
        session.leave()

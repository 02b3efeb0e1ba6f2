"""What playbooks look at, by the options that name it: a process, or a recording.

Separate because two commands, `triage` and `playbook run`, look alike.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kdiag.cli import diagnostics
from kdiag.engine.playbooks.looking import Recorded, recorded
from kdiag.engine.playbooks.watching import Watched, watching
from kdiag.engine.stored import read_report
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kdiag.engine.inside import WayIn


@contextmanager
def at(
    recordings: Sequence[Path], baseline: Path | None, attach: WayIn, window_s: float,
    target: tuple[int | None, str | None, int | None], *, full: bool = False, children: bool = False,
    record: Path | None = None,
) -> Iterator[Recorded | Watched]:  # fmt: skip
    """The recordings if any are named, else the process by PID, pattern or port, watched until the block ends.

    Raises:
        KdiagError: neither or both are named, or it cannot be looked at.
    """
    before = read_report(baseline) if baseline is not None else None
    if recordings:
        if full or children or any(each is not None for each in (*target, record)):
            raise KdiagError(
                "usage",
                "A recording was seen already: no process, and no --record, --full or --children goes with it.",
                hint="kdiag triage --from FILE", exit_code=USAGE,
            )  # fmt: skip
        yield recorded(recordings, before)
        return
    pid = find_pid(*target)
    with watching(
        pid, window_s=window_s, full=full, children=children, attach=attach, record=record, baseline=before
    ) as looking:
        for problem in looking.problems:
            diagnostics.warning(problem)
        with diagnostics.progress(f"Observing {looking.title} for up to {window_s:g} s") as show:
            looking.show = show
            yield looking

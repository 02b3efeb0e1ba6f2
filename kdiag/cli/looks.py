"""What playbooks look at, by the options that name it: a process, or a recording.

Separate because two commands, `triage` and `playbook run`, look alike.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kdiag.cli import diagnostics
from kdiag.engine.playbooks.looking import Given, Watching, recorded, watching
from kdiag.engine.stored import read_report
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.engine.inside import WayIn


@contextmanager
def at(
    recording: Path | None, baseline: Path | None, attach: WayIn, window_s: float, record: Path | None,
    target: tuple[int | None, str | None, int | None],
) -> Iterator[Given | Watching]:  # fmt: skip
    """The recording if one is named, else the process by PID, pattern or port, watched until the block ends.

    Raises:
        KdiagError: neither or both are named, or it cannot be looked at.
    """
    before = read_report(baseline) if baseline is not None else None
    if recording is not None:
        if any(each is not None for each in (*target, record)):
            raise KdiagError(
                "usage", "A recording was seen already: no process and no --record can be named with it.",
                hint="kdiag triage --from FILE", exit_code=USAGE,
            )  # fmt: skip
        yield recorded(recording, before)
        return
    pid = find_pid(*target)
    with watching(pid, window_s=window_s, attach=attach, record=record, baseline=before) as looking:
        for problem in looking.problems:
            diagnostics.warning(problem)
        with diagnostics.progress(f"Observing {looking.title} for up to {window_s:g} s") as show:
            looking.show = show
            yield looking

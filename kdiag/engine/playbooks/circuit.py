"""How often a playbook may run on this machine: `limits.runs`, the breaker against an alert that fires all night.

Separate because it is the only thing that playbooks leave behind: when each ran, in one file of the person's state.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from kdiag.core.playbooks.model import Playbook


def state_file() -> Path:
    """Where the times of runs are kept."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "kdiag" / "playbook-runs.json"


def count_run(playbook: Playbook, now: float, file: Path | None = None) -> None:
    """Note a run at a time (seconds since the epoch), unless there were too many.

    A state that cannot be read counts as empty, and one that cannot be written is no reason not to look.

    Raises:
        KdiagError: `too-many-runs`.
    """
    limits = playbook.limits
    if limits.runs is None:
        return
    file = file or state_file()
    ran = _read(file)
    recent = [at for at in ran.get(playbook.name, []) if now - limits.per < at <= now]
    if len(recent) >= limits.runs:
        raise KdiagError(
            "too-many-runs",
            f"{playbook.name} ran {len(recent)} times in the last {limits.per:g} s; its limit is {limits.runs}.",
            hint=f"It may run again in {min(recent) + limits.per - now:.0f} s; its limits.runs says how often.",
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(ran | {playbook.name: [*recent, now]}), encoding="utf-8")
    except OSError:
        return


def _read(file: Path) -> dict[str, list[float]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        name: [at for at in times if isinstance(at, int | float)]
        for name, times in content.items()
        if isinstance(times, list)
    }

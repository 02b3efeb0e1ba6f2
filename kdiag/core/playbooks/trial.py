"""A change that was tried in a process: what was seen before and after it, and whether it is as it was before.

Separate from runs, which only look, and from the engine, which makes the change and takes it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.playbooks.evidence import FIELDS
from kdiag.core.playbooks.model import Value
from kdiag.core.playbooks.plan import Judged

if TYPE_CHECKING:
    from collections.abc import Iterator

Values = tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What was tried, and what came of it.

    Attributes:
        action: its name in playbooks, and the title of the step that proposes it.
        change: what was done, as a person would write it in the process.
        before, after: the values that it is about.
        verify: what the playbook wants to see, before and after; None where it does not say.
        undone: whether it was taken back.
        clear: whether the incident counted as over meanwhile; None where the playbook does not say.
        clear_after_s: from when on it did so to the end, seconds after the change; None where it did not at the end.
        found: what it brought to light, in lines.
        settings: of the process, before it was tried and after it was taken back; "" where that is not known.
    """

    action: str
    title: str
    change: str
    before: Values
    after: Values
    verify: tuple[Judged, Judged] | None
    undone: bool
    settings: tuple[str, str] = ("", "")
    found: tuple[str, ...] = ()
    clear: Judged | None = None
    clear_after_s: float | None = None

    @property
    def helped(self) -> bool | None:
        """Whether what the playbook wants came true; None where it does not say, or that was not to be seen."""
        return self.verify[1].holds if self.verify else None

    @property
    def restored(self) -> bool:
        """Whether the process was seen to be set as it was before."""
        return bool(self.settings[0]) and self.settings[0] == self.settings[1]

    def rows(self) -> Iterator[tuple[str, str, Value | None, Value | None]]:
        """Each value: its path, its unit, before and after; None where it was not seen."""
        before, after = dict(self.before), dict(self.after)
        for path in dict.fromkeys([*before, *after]):
            yield path, FIELDS[path].unit, before.get(path), after.get(path)

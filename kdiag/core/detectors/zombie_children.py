"""zombie-children: children have exited and nobody asks how they ended.

A zombie for a moment is how every child ends; one that stays for seconds was forgotten.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from kdiag.core.model import Child, Evidence, Finding, NotEnoughEvidence, Threshold, Window
from kdiag.core.processes import PROCESS_SOURCE
from kdiag.core.series import score, severity

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICT = "zombie-children"

COUNT = Threshold(
    "children.zombies",
    "processes",
    warning=3.0,
    critical=100.0,
    info=1.0,
    learnt_from="own preference: subprocess leaves the last one or two until the next call; hundreds eat the pid limit",
)
THRESHOLDS = (COUNT,)

_SPAN_S = 3.0
_SAMPLES = 3


#  one child
#    healthy   r r r r Z . . .    a zombie (Z) for a moment, then reaped
#    sick      r r r r Z Z Z Z    exited, and there for good
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """The children that were zombies in every sample of the last three seconds and more."""
    samples = window.process
    if not samples:
        return NotEnoughEvidence(VERDICT, "the process's children were not seen", "observe for longer")
    forgotten, span = _forgotten(window)
    if span < _SPAN_S or len(samples) < _SAMPLES:
        if not any(child.zombie for sample in samples for child in sample.children):
            return None
        return NotEnoughEvidence(VERDICT, "zombies were seen, but not for long enough", f"observe for {_SPAN_S:g} s")
    worst = severity(len(forgotten), COUNT)
    if worst is None:
        return None
    commands = Counter(child.command for child in forgotten)
    command, times = commands.most_common(1)[0]
    oldest = max(child.age_s for child in forgotten)
    count = len(forgotten)
    looks = len(samples)
    return Finding(
        VERDICT,
        worst,
        score(count, COUNT),
        0.97,
        f"{count} exited {'child was' if count == 1 else 'children were'} not reaped for at least {span:.1f} s, "
        f"{'all' if times == count else times} of them '{command}'",
        f"The oldest was started {oldest:.0f} s ago. PIDs: {', '.join(str(child.pid) for child in forgotten[:10])}.",
        None,
        (
            Evidence(COUNT.metric, count, COUNT.unit, looks, PROCESS_SOURCE, low=count, threshold=COUNT.warning),
            Evidence("children.oldest", oldest, "s", looks, PROCESS_SOURCE),
        ),
    )


def _forgotten(window: Window) -> tuple[Sequence[Child], float]:
    """Children that were zombies for the last three seconds and more, and for how long that was seen of all of them.

    The latest sample that is three seconds older than the last one decides: whoever was a zombie then and in all
    samples since, stays one.
    """
    last = window.process[-1]
    earlier = [index for index, sample in enumerate(window.process) if last.at - sample.at >= _SPAN_S]
    if not earlier:
        return [], 0.0
    since = window.process[earlier[-1] :]
    staying = set.intersection(*({child.pid for child in sample.children if child.zombie} for sample in since))
    return [child for child in last.children if child.pid in staying], last.at - since[0].at

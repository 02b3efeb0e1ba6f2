"""One look at who waits for whom, threads and tasks, asked of a probe outside of any session.

Separate from `probe`, which takes samples for a diagnosis: there only those tasks are told that matter to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from kdiag.core.model import WaitsSample
from kdiag.errors import KdiagError
from kdiag.sources.probe import Task, read_threads, source_error, tasks_of, threads_of
from kdiag.sources.told import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.attach.channel import Channel

MOST_TASKS = 2000  # of one look: each is looked at for up to 25 us


class _Tasks(msgspec.Struct, frozen=True):
    tasks: tuple[Task, ...]
    count: Annotated[int, msgspec.Meta(ge=0)]


def waits_now(
    channel: Channel, host_id: Callable[[int], int], at: float, *, all_tasks: bool, prove: bool = False
) -> WaitsSample:
    """All threads, and the tasks that wait for somebody or are waited for; with `all_tasks` as many as can be.

    With `prove` it is looked which of all tasks nobody holds, or can wake: half a second of the target's for 2,000.

    Raises:
        SourceError: the probe is gone, does not answer, or answers what is no such look.
    """
    told = read_threads(channel)
    threads, tasks, count = threads_of(told, host_id), told.tasks, None
    if all_tasks:
        try:
            answer = channel.request("tasks", most=MOST_TASKS, prove=prove)
        except KdiagError as error:
            raise source_error(error) from error
        every = decoded(answer, _Tasks, "the probe told of the tasks")
        tasks, count = every.tasks, every.count
    return WaitsSample(at, threads, tasks_of(tasks), count)

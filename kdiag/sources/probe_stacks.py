"""The probe's look at all threads as a stack sample: what detectors read where stacks may not be read from outside.

Separate because with stacks from outside it is not needed: those also say who holds the GIL and what the kernel does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core.model import ProbeSample, StackSample, ThreadSample, Wait
from kdiag.sources.thread_states import ThreadState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kdiag.core.model import ProbedThread

_UNREAD = ThreadState()


def stack_sample(sample: ProbeSample, states: Mapping[int, ThreadState]) -> StackSample:
    """A stack sample of what the probe saw, with the kernel's accounts of its threads as far as they may be read."""
    return StackSample(
        sample.at, tuple(_thread(thread, states.get(thread.native_id, _UNREAD)) for thread in sample.threads), "probe"
    )


def _thread(thread: ProbedThread, state: ThreadState) -> ThreadSample:
    waits = thread.wait is not None and state.wait is Wait.UNKNOWN
    return ThreadSample(
        thread.native_id,
        thread.ident,
        thread.name,
        thread.frames,
        wait=Wait.LOCK if waits else state.wait,
        wait_address=thread.wait.lock if thread.wait and waits else state.wait_address,
        cpu_s=state.cpu_s,
        queued_s=state.queued_s,
        runs=state.runs,
    )

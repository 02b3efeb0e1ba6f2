"""Our own threads in a target are told by what they call themselves."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from kdiag.sources.own_threads import OwnThreads


def test_by_the_kernels_name_and_by_pythons() -> None:
    ready, over = threading.Event(), threading.Event()

    def keep_a_door() -> None:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("kdiag-door")
        ready.set()
        over.wait()

    thread = threading.Thread(target=keep_a_door)
    thread.start()
    ready.wait()
    own = OwnThreads(os.getpid())
    assert own.ids() == {thread.native_id}
    assert own.has(thread.native_id or 0, "Thread-1")
    assert own.has(0, "kdiag-sensors")
    assert not own.has(threading.get_native_id(), "MainThread")
    over.set()
    thread.join()
    while Path(f"/proc/self/task/{thread.native_id}").exists():  # Python joins it before it is quite gone
        os.sched_yield()
    assert own.ids() == frozenset()


def test_a_process_that_is_gone_has_none() -> None:
    assert OwnThreads(2**22 - 1).ids() == frozenset()
    assert not OwnThreads(2**22 - 1).has(7, "worker")

"""Celery's pool, by the loop of its main process; with `--pool threads` its workers are concurrent.futures', too."""

from __future__ import annotations

import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "celery"
_REQUESTS = ("reserved_requests", "active_requests")
FRAMES = {("celery.worker.loops", "asynloop"): "manages", ("celery.worker.loops", "synloop"): "manages"}


def pool_of(frame: Any, look: Any) -> Any:
    """What its consumer hands tasks to."""
    return look.own(look.local(frame, "obj")).get("pool")


def state_of(pool: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Tasks that were fetched from the broker; more may wait there."""
    state = look.module("celery.worker.state")
    reserved, active = (look.own(state.get(name)).get("data") for name in _REQUESTS)
    taken = look.size(active) or 0
    requests = (reference() for reference in look.items(active) if type(reference) is weakref.ref)
    return {
        "size": look.attribute(pool, "limit"), "taken": taken, "queued": max(0, (look.size(reserved) or 0) - taken),
        "done": sum(filter(None, map(look.number, look.items(state.get("total_count"))))),
        "runs": [_function(look.attribute(request, "_task", "run")) for request in requests],
    }  # fmt: skip


def _function(run: Any) -> Any:
    """A task's function is a static method of a class that is made for it."""
    return run.__func__ if type(run) is staticmethod else run

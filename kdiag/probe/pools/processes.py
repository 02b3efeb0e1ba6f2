"""ProcessPoolExecutor, known by the thread that hands out its tasks."""

from __future__ import annotations

import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "concurrent.futures.process"
FRAMES = {("concurrent.futures.process", "run"): "manages"}


def pool_of(frame: Any, look: Any) -> Any:
    """Its thread, which is no part of it but stays with it."""
    thread = look.local(frame, "self")
    return thread if "pending_work_items" in look.own(thread) else None


def state_of(thread: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """What is pending runs, or stands in the pipe to the workers, or waits; the first ones run."""
    own = look.own(thread)
    tasks = own.get("pending_work_items")
    processes, pending = look.size(own.get("processes")), look.items(tasks)
    reference = own.get("executor_reference")
    executor = look.own(reference()) if type(reference) is weakref.ref else {}
    submitted = look.number(executor.get("_queue_count"))
    busy = min(len(pending), processes or 0)
    return {
        "size": executor.get("_max_workers", processes),
        "taken": busy,
        "queued": len(pending) - busy,
        "first": next(iter(look.keys(tasks)), None),  # they are numbered
        "done": submitted - len(pending) if submitted is not None else None,
        "items": [look.attribute(item, "future") for item in pending[busy:]],
        "runs": [_function(item, look) for item in pending[:busy]],
    }


def _function(item: Any, look: Any) -> Any:
    """What a task runs: what `map` was given, not the library's own function around it."""
    function = look.attribute(item, "fn")
    return next(iter(look.wrapped(function)), function)

"""ThreadPoolExecutor: asyncio's default executor, gunicorn's gthread workers and Celery's threads among them."""

from __future__ import annotations

import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "concurrent.futures"
FRAMES = {
    ("concurrent.futures.thread", "_worker"): lambda frame, inner, look: "busy" if inner else "idle",  # noqa: ARG005
}


def pool_of(frame: Any, look: Any) -> Any:
    """Its queue, which the executor's workers hold even when it is gone."""
    tasks = look.local(frame, "work_queue")
    return tasks if look.is_simple_queue(tasks) else None


def result_of(frame: Any, look: Any) -> Any:
    """The future of what a worker does."""
    return look.attribute(look.local(frame, "work_item"), "future")


def state_of(tasks: Any, frame: Any, look: Any) -> dict[str, Any]:
    """What stands in the queue, and what the executor says of itself."""
    reference = look.local(frame, "executor_reference")
    own = look.own(reference()) if type(reference) is weakref.ref else {}
    items = look.items(tasks)
    return {
        "name": own.get("_thread_name_prefix"),
        "size": own.get("_max_workers"),
        "queued": look.size(tasks),
        "first": items[0] if items else None,
        "items": [look.attribute(item, "future") for item in items],
    }

"""Looks at one process with pystack, in a process of its own: `python -m kdiag.sources.pystack_child PID`.

pystack follows the target's pointers in native code. While the target runs on, these may lead nowhere, and about
once in five hundred looks pystack crashes with a segmentation fault (1.7.2; seen on 3.12 to 3.15). Here that costs a
child, not the session.

For every line on stdin ("stacks" or "flags") it writes one JSON line on stdout; it ends with its stdin.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pystack import engine


def look(pid: int, *, frames: bool) -> dict[str, Any]:
    """All threads of a process, their frames innermost first, or the error that pystack raised."""
    try:
        threads = list(engine.get_process_threads(pid, stop_process=False))
    except Exception as error:
        return {"error": str(error)}
    return {
        "threads": [
            {
                "tid": thread.tid,
                "name": thread.name or "",
                "holds_gil": thread.holds_the_gil > 0,
                "collecting": thread.is_gc_collecting > 0,
                "frames": [
                    (frame.code.filename, frame.code.location.lineno, frame.code.scope)
                    for frame in reversed(list(thread.frames if frames else ()))
                ],
            }
            for thread in threads
        ]
    }


def main() -> None:
    """Answer until stdin ends."""
    pid = int(sys.argv[1])
    for line in sys.stdin:
        sys.stdout.write(json.dumps(look(pid, frames=line.strip() == "stacks")) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

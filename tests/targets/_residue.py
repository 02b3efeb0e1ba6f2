"""What a process consists of, as a target sees itself: the same before a probe came and after it left.

Separate from the targets because they share it; a test compares two snapshots with `tests.support.residue`.

Standard library modules are not looked at: a probe imports them for good, on purpose. What forks call is one function
that stays too; its slot on `sys` must be empty again.
"""

from __future__ import annotations

import _tracemalloc
import atexit
import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

FORK_SLOT = "_kdiag_at_fork"
FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - where a probe's door may be

Snapshot = dict[str, Any]


def snapshot() -> Snapshot:
    """Everything of this process that a probe could change; plain JSON."""
    return {
        "threads": sorted(os.listdir("/proc/self/task")),
        "python_threads": _python_threads(),
        "main_thread": _main_thread(),
        "descriptors": _descriptors(),
        "files": sorted(str(path) for folder in FOLDERS for path in _files(Path(folder))),
        "modules": sorted(name for name in sys.modules if "kdiag" in name),
        "main_names": sorted(sys.modules["__main__"].__dict__),
        "sys_names": sorted(name for name in vars(sys) if name != FORK_SLOT),
        "fork_slot": len(getattr(sys, FORK_SLOT, ())),
        "meta_path": [_name(finder) for finder in sys.meta_path],
        "path_hooks": [_name(hook) for hook in sys.path_hooks],
        "path": list(sys.path),
        "hooks": {
            name: _name(getattr(sys, name))
            for name in ("excepthook", "displayhook", "breakpointhook", "unraisablehook", "stdout", "stderr")
        },
        "thread_hooks": _thread_hooks(),
        "tracemalloc": _tracemalloc.is_tracing(),
        "trace": [_name(sys.gettrace()), _name(sys.getprofile())],
        "gc": [gc.isenabled(), list(gc.get_threshold()), gc.get_debug(), [_name(each) for each in gc.callbacks]],
        "atexit": atexit._ncallbacks() if sys.version_info >= (3, 14) else -1,  # before, it counts what was taken back
        "signals": {int(number): _name(signal.getsignal(number)) for number in sorted(signal.valid_signals())},
        "caught": _caught(),
        "mask": sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "switch_interval": sys.getswitchinterval(),
        "recursion_limit": sys.getrecursionlimit(),
        "umask": _umask(),
        "cwd": str(Path.cwd()),
        "environ": dict(os.environ),
        "loggers": _loggers(),
        "source_cache": sorted(
            name for name in getattr(sys.modules.get("linecache"), "cache", ()) if name.startswith("<kdiag>")
        ),
        "monitoring": _monitoring(),
    }


def _files(folder: Path) -> list[Path]:
    """The doors of this process, and the files that fatal signals would leave their stacks in."""
    patterns = (".kdiag-*-{0}", ".kdiag-*-{0}-*", ".kdiag-*-crashes/fatal-{0}-*")
    return [path for pattern in patterns for path in folder.glob(pattern.format(os.getpid()))]


def _caught() -> list[str]:
    """The signals that are ignored and caught, by C code too; not those of the C library itself (32 and 33)."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return [f"{line[0]} {int(line[1], 16) & 0x7FFFFFFF:x}" for line in lines if line[0] in {"SigIgn:", "SigCgt:"}]


def _python_threads() -> list[str]:
    threading = sys.modules.get("threading")
    if threading is None:
        return ["MainThread"]
    return sorted(thread.name for thread in threading.enumerate())


def _main_thread() -> bool:
    """Whether `threading` knows this process's main thread: its native id is the process id."""
    threading = sys.modules.get("threading")
    return threading is None or bool(threading.main_thread().native_id == os.getpid())


def _descriptors() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(f"{name}:{os.readlink(f'/proc/self/fd/{name}')}")
        except OSError:  # noqa: PERF203 - the descriptor of the listing itself
            continue
    return sorted(found)


def _thread_hooks() -> list[str]:
    threading = sys.modules.get("threading")
    if threading is None:
        return ["excepthook", "NoneType", "NoneType"]
    return [
        getattr(threading.excepthook, "__name__", "?").lstrip("_"),
        *(type(getattr(threading, name)).__name__ for name in ("_trace_hook", "_profile_hook")),
    ]


def _loggers() -> list[str]:
    logging = sys.modules.get("logging")
    if logging is None:
        return []
    names = [name for name in logging.Logger.manager.loggerDict if "kdiag" in name]
    return [*sorted(names), *(type(handler).__name__ for handler in logging.root.handlers)]


def _monitoring() -> list[str]:
    monitoring = getattr(sys, "monitoring", None)
    return [str(monitoring.get_tool(number)) for number in range(6)] if monitoring else []


def _umask() -> int:
    lines = Path("/proc/self/status").read_text(errors="replace").splitlines()  # asking umask would change it
    return next((int(line.split()[1], 8) for line in lines if line.startswith("Umask:")), -1)


def _name(value: object) -> str:
    kind = type(value)
    name = getattr(value, "__qualname__", None) or getattr(value, "name", None) or ""
    return f"{getattr(value, '__module__', None) or kind.__module__}.{kind.__qualname__}:{name}"

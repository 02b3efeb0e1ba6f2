"""A visit to a preloaded door: the probe is loaded from kdiag's own files, serves, and is taken out again.

It is separate from the thread in the door, which is there always: this is imported when the first host has come.
"""

from __future__ import annotations

import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_THREAD = "kdiag-probe"
_PRIVATE = __name__.partition(".")[0] + "."


def visit(folder: str, listener: Any, host: Any) -> None:
    """Load the probe, let it serve until all hosts have left, and take its modules out again."""
    before = set(sys.modules)
    try:
        from .loading import import_threading  # noqa: PLC0415

        import_threading()
        _serve(folder, listener, host)
    except Exception:  # noqa: S110 - the host sees that its connection ends
        pass
    finally:
        host.close()
        _forget_modules(before)


def _serve(folder: str, listener: Any, host: Any) -> None:
    import threading  # noqa: PLC0415

    from .lifecycle import serve_visit  # noqa: PLC0415

    ourselves = threading.current_thread()  # from now on the service sees us in its own list
    ourselves.name = _THREAD
    try:
        serve_visit(_version(), folder, listener, host)
    finally:
        threading._active.pop(_thread.get_ident(), None)  # type: ignore[attr-defined]


def _forget_modules(before: set[str]) -> None:
    """Take out what the probe has loaded of its own; what it needed of the standard library stays."""
    for name in [name for name in sys.modules if name.startswith(_PRIVATE) and name not in before]:
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            vars(sys.modules[parent]).pop(child, None)


def _version() -> str:
    """What `kdiag.__version__` says, without making kdiag importable."""
    with open(os.path.dirname(os.path.dirname(__file__)) + "/__init__.py", encoding="utf-8") as file:
        return next(line.split('"')[1] for line in file if line.startswith("__version__"))

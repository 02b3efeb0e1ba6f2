"""For service authors: open the door from within, instead of starting the service by `kdiag run`.

It is separate from `kdiag` itself, so that `import kdiag` imports nothing. The door's keeper is loaded under the same
private name as by `kdiag run`: whichever comes first opens it, and the other finds it open.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

_DOOR = "_kdiag_door"


def install() -> None:
    """Open the door, so that kdiag can look inside later without ptrace and without root.

    One sleeping thread is started, here and in the processes that this one forks; nothing else of kdiag is loaded
    until somebody attaches. May be called twice, and from any thread.
    """
    _keeper().install()


def uninstall() -> None:
    """Close the door and end its thread. May be called twice, and without `install`."""
    if _DOOR in sys.modules:
        _keeper().uninstall()


def _keeper() -> Any:
    if _DOOR not in sys.modules:
        package = ModuleType(_DOOR)
        package.__path__ = [os.path.dirname(os.path.abspath(__file__))]  # noqa: PTH100, PTH120 - without pathlib
        sys.modules.setdefault(_DOOR, package)
    return importlib.import_module(f"{_DOOR}.probe.preloaded")

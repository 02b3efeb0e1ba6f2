"""Which code is the service's own: neither the interpreter's, nor an installed package's, nor ours.

Separate because all that looks for names begins there: where containers grow, and where what a pool lent is kept.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..hooks.facts import is_library
from ..hooks.guard import is_own_file
from .places import text
from .reach import MODULE, kind_of, module_names

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = __name__.partition(".")[0]


def is_own(file: str) -> bool:
    """Whether a file is of the service itself."""
    return bool(file) and "-packages/" not in file and not is_library(file) and not is_own_file(file)


def modules() -> Iterator[tuple[Any, dict[str, Any], str]]:
    """The modules that are imported, ours apart, with what is in them and their files; "" for one without."""
    for module in list(sys.modules.values()):
        if kind_of(type(module)) == MODULE:
            names = module_names(module)
            if not is_our_module(names):
                yield module, names, text(names.get("__file__"))


def is_our_module(names: dict[str, Any]) -> bool:
    """Whether what is in a module, or what is global in a function's, is of ours."""
    return text(names.get("__name__")).partition(".")[0] == _OURS


def name_of(names: dict[str, Any]) -> str:
    """The name of a module; of the main program its file's."""
    name = text(names.get("__name__"))
    return name if name != "__main__" else text(names.get("__file__")).rpartition("/")[2].rpartition(".")[0] or name

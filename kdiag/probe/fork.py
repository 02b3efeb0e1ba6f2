"""What a forked child calls: one function for the life of the process, since Python cannot take it back.

It is separate because it must not keep anything of ours alive: the function that stays has globals of its own, and
looks into a list that hangs on `sys`. The list is empty when no probe is there, and then nothing is done. Whoever
comes later finds it and registers no second function.
"""

from __future__ import annotations

import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SLOT = "_kdiag_at_fork"


def register(after_in_child: Callable[[], object]) -> None:
    """Have a function called in every forked child, until it is unregistered."""
    slot = getattr(sys, SLOT, None)
    if slot is None:
        slot = []
        setattr(sys, SLOT, slot)
        stays = types.FunctionType(_call_all.__code__, {}, "kdiag_after_fork_in_child", (slot,))
        os.register_at_fork(after_in_child=stays)
    slot.append(after_in_child)


def unregister(after_in_child: Callable[[], object]) -> None:
    """Have it called no more."""
    slot = getattr(sys, SLOT, [])
    if after_in_child in slot:
        slot.remove(after_in_child)


def _call_all(slot: Any = ()) -> None:
    for each in slot[:]:
        try:
            each()
        except:  # noqa: E722, S110 - whatever it is, the child must not hear of it
            pass

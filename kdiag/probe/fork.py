"""What a fork calls: functions that stay for the life of the process, since Python cannot take them back.

It is separate because they must not keep anything of ours alive: they have globals of their own, and look into a list
that hangs on `sys`. The list is empty when no probe is there, and then nothing is done. Whoever comes later finds it
and registers nothing again.
"""

from __future__ import annotations

import builtins
import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Forked(Protocol):
        """Whoever wants to know of forks. No lock may be waited for: a thread that is gone may have held it."""

        def before_fork(self) -> None:
            """In the process that is about to fork."""

        def after_fork_in_parent(self) -> None:
            """In the same process, afterwards."""

        def after_fork_in_child(self) -> None:
            """In its child."""


SLOT = "_kdiag_at_fork"


def register(who: Forked) -> None:
    """Have every fork tell `who`, until that is unregistered."""
    slot = getattr(sys, SLOT, None)
    if slot is None:
        slot = []
        setattr(sys, SLOT, slot)
        os.register_at_fork(
            before=_that_stays(slot, "before_fork"),
            after_in_parent=_that_stays(slot, "after_fork_in_parent"),
            after_in_child=_that_stays(slot, "after_fork_in_child"),
        )
    slot.append(who)


def unregister(who: Forked) -> None:
    """Have it told no more."""
    slot = getattr(sys, SLOT, [])
    if who in slot:
        slot.remove(who)


def _that_stays(slot: list[Forked], method: str) -> Any:
    return types.FunctionType(_tell_all.__code__, {"__builtins__": builtins}, f"kdiag_{method}", (slot, method))


def _tell_all(slot: Any = (), method: str = "") -> None:
    for each in slot[:]:
        try:
            getattr(each, method)()
        except:  # noqa: E722, S110 - whatever it is, the service must not hear of it
            pass

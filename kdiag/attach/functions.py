"""Where the functions lie that our thread is started with, and those in which a main thread must not be interrupted.

It is separate from the entry, which only wants addresses: here is known what CPython and the C libraries call them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kdiag.attach.machine import FUNCTIONS
from kdiag.attach.maps import mapped_files, read_maps
from kdiag.attach.memory import TargetEndedError
from kdiag.attach.symbols import open_image
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.attach.maps import Mapping

_LIBC = re.compile(r"(libc|libpthread|ld-musl)\b")
# Those that hold the lock of the pending calls for some instructions; which of them exist differs by version and build.
_PENDING_CALLS = (
    "Py_AddPendingCall", "_PyEval_AddPendingCall", "Py_MakePendingCalls", "_PyEval_MakePendingCalls",
    "_make_pending_calls", "make_pending_calls",
)  # fmt: skip


def find_functions(pid: int, interpreter: str, mappings: Sequence[Mapping]) -> dict[str, int]:
    """The address of every function that the block of code calls, by the names of its literals.

    Raises:
        KdiagError: `function-not-found`.
    """
    wanted = dict(FUNCTIONS)
    found: dict[str, int] = {}
    for file in mapped_files(mappings):
        if file.path != interpreter and not _LIBC.match(file.name):
            continue
        try:
            with open_image(pid, file) as image:
                for name, symbol in list(wanted.items()):
                    address = image.address(symbol)
                    if address is not None:
                        found[name] = address
                        del wanted[name]
        except KdiagError:
            continue
        if not wanted:
            return found
    message = f"process {pid} cannot be entered: {', '.join(wanted.values())} not found in its interpreter or libc"
    raise KdiagError("function-not-found", message, hint="start the service with: kdiag run -- …")


def find_pending_calls(pid: int, interpreter: str) -> tuple[tuple[int, int], ...]:
    """Start and end of each function in which a thread may hold the lock of the pending calls, as far as symbols tell.

    A stripped interpreter still names the two that others may call.

    Raises:
        KdiagError: its file cannot be had any more, or the process has ended: then nothing is mapped.
    """
    file = next((file for file in mapped_files(read_maps(pid)) if file.path == interpreter), None)
    if file is None:
        raise TargetEndedError(pid)
    with open_image(pid, file) as image:
        found = [image.elf.extent(name) for name in _PENDING_CALLS]
        return tuple((image.bias + at, image.bias + at + size) for at, size in filter(None, found))

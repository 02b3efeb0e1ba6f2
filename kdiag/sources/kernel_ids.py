"""Translates thread ids: Python's ident → the kernel's id, and the target's PID namespace → ours.

It is separate because the two tools that read stacks name threads in three different ways.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from kdiag.attach.memory import TargetMemory
from kdiag.errors import KdiagError

# Offset of `tid` in glibc's `struct pthread`, whose address is Python's ident; the same since glibc 2.4.
_TID_OFFSET = {"x86_64": 0x2D0, "aarch64": 0xD0}


@dataclass
class KernelIds:
    """Thread ids of one process. `memory` is None where it may not be read."""

    pid: int
    memory: TargetMemory | None
    other_namespace: bool
    _by_ident: dict[int, int] = field(default_factory=dict, init=False)
    _by_inner: dict[int, int] = field(default_factory=dict, init=False)

    def of_ident(self, ident: int) -> int:
        """Kernel thread id (as the target's namespace knows it) of a Python thread ident; 0 when unknown."""
        known = self._by_ident.get(ident)
        if known is None:
            known = self._by_ident[ident] = self._read_tid(ident)
        return known

    def of_host(self, thread_id: int) -> int:
        """Thread id in our namespace of one in the target's; the same where they share it, 0 when unknown."""
        if not self.other_namespace or not thread_id:
            return thread_id
        if thread_id not in self._by_inner:
            self._by_inner = dict(self._inner_ids())
        return self._by_inner.get(thread_id, 0)

    def _read_tid(self, ident: int) -> int:
        offset = _TID_OFFSET.get(platform.machine())
        if offset is None or self.memory is None:
            return 0
        try:
            tid = int.from_bytes(self.memory.read(ident + offset, 4), "little", signed=True)
        except KdiagError:
            return 0
        is_thread = self.other_namespace or Path(f"/proc/{self.pid}/task/{tid}").exists()
        return tid if is_thread else 0  # another C library keeps something else there

    def _inner_ids(self) -> list[tuple[int, int]]:
        pairs = []
        for name in os.listdir(f"/proc/{self.pid}/task"):
            try:
                status = Path(f"/proc/{self.pid}/task/{name}/status").read_text()
            except OSError:  # the thread ended
                continue
            inner = next((line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:")), name)
            pairs.append((int(inner), int(name)))
        return pairs

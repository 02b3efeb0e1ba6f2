"""Another process's memory, and each way in which reading it fails."""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import sys
import time

import pytest

from kdiag.attach.maps import read_maps
from kdiag.attach.memory import AccessDeniedError, TargetEndedError, TargetMemory, UnmappedError, translate_os_error
from kdiag.errors import KdiagError
from tests.support.processes import READY, running
from tests.support.targets import start_target

TEXT = b"these bytes are where they are"


def test_bytes_and_pointers_are_read_from_our_own_memory() -> None:
    text = ctypes.create_string_buffer(TEXT)
    pointer = ctypes.c_void_p(ctypes.addressof(text))
    with TargetMemory(os.getpid()) as memory:
        assert memory.read(ctypes.addressof(text), len(TEXT)) == TEXT
        assert memory.read_pointer(ctypes.addressof(pointer)) == ctypes.addressof(text)


def test_the_program_of_another_process_begins_like_its_file() -> None:
    with running([sys.executable, "-c", READY]) as pid, TargetMemory(pid) as memory:
        first = read_maps(pid)[0]
        assert memory.read(first.start, 4) == b"\x7fELF"


@pytest.mark.parametrize("address", [0, 1 << 47, (1 << 63) - 8, 1 << 63, (1 << 64) - 1])
def test_an_address_that_is_not_mapped(address: int) -> None:
    with TargetMemory(os.getpid()) as memory, pytest.raises(UnmappedError):
        memory.read(address, 8)


def test_bytes_beyond_the_end_of_a_mapping() -> None:
    mappings = read_maps(os.getpid())
    last = next(
        before
        for before, after in itertools.pairwise(mappings)
        if before.end < after.start and before.permissions.startswith("r")
    )
    with TargetMemory(os.getpid()) as memory:
        assert len(memory.read(last.end - 8, 8)) == 8
        with pytest.raises(UnmappedError):
            memory.read(last.end - 8, 16)


def test_a_process_that_has_ended() -> None:
    with start_target("waiting_service") as target:
        memory = TargetMemory(target.pid)
        address = read_maps(target.pid)[0].start
        target.process.kill()
        target.process.wait()
        with pytest.raises(TargetEndedError):
            memory.read(address, 8)
        with pytest.raises(TargetEndedError):
            TargetMemory(target.pid)
    memory.close()
    memory.close()
    with pytest.raises(KdiagError) as told:
        memory.read(address, 8)
    assert told.value.reference == "stopped", "nothing failed: it is we who do not look any more"


def test_a_process_that_executes_another_program_has_ended() -> None:
    become = "import os, sys; print(1, flush=True); sys.stdin.read(1); os.execv('/bin/sleep', ['sleep', '60'])"
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, running([sys.executable, "-c", become], stdin=stdin) as pid:
        memory = TargetMemory(pid)
        address = read_maps(pid)[0].start
        os.close(writing)
        deadline = time.monotonic() + 50
        with pytest.raises(TargetEndedError):
            while time.monotonic() < deadline:
                memory.read(address, 8)
                time.sleep(0.01)
    memory.close()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ESRCH, TargetEndedError),
        (errno.ENOENT, TargetEndedError),
        (errno.EPERM, AccessDeniedError),
        (errno.EACCES, AccessDeniedError),
    ],
)
def test_errors_of_the_operating_system_are_translated(number: int, kind: type[Exception]) -> None:
    assert isinstance(translate_os_error(7, OSError(number, os.strerror(number))), kind)


def test_any_other_error_says_what_it_is() -> None:
    error = translate_os_error(7, OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    assert error.reference == "process-not-readable"
    assert "Too many open files" in error.message

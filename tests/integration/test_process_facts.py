"""The facts of real processes: on every interpreter, in other roots, with deleted, renamed and embedding programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kdiag.attach.elf import Elf
from kdiag.attach.interpreter import find_interpreter, interpreter_ranges
from kdiag.attach.maps import mapped_files, read_maps
from kdiag.attach.process import python_descendants, read_facts
from kdiag.attach.symbols import open_image
from tests.support.interpreters import each_interpreter, interpreters
from tests.support.preloaded import until
from tests.support.processes import READY, running
from tests.support.targets import start_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.interpreters import Interpreter

FUTEX = {"202", "98"}  # x86-64, aarch64

EMBEDDING = """
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv) {
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    if (library == NULL) { fprintf(stderr, "%s", dlerror()); return 1; }
    ((void (*)(int)) dlsym(library, "Py_InitializeEx"))(0);
    return ((int (*)(const char *)) dlsym(library, "PyRun_SimpleString"))(argv[2]);
}
"""


def libpython(python: Interpreter) -> Path | None:
    """The shared library that holds an interpreter, None when its executable holds it."""
    names = python.executable.parent.parent.glob(f"lib/libpython{python.version[0]}.{python.version[1]}*.so.1.0")
    return next(iter(names), None)


def one(*, shared: bool) -> Interpreter:
    """An interpreter of the host's root with a shared library, or with everything in its executable."""
    for each in interpreters():
        if not each.in_chroot and bool(libpython(each)) is shared:
            return each
    pytest.skip(f"no interpreter with {'a shared library' if shared else 'everything in its executable'} here")


@each_interpreter()
def test_facts_of_every_interpreter(python: Interpreter) -> None:
    with start_target("_own_account", python=python) as target:
        facts = read_facts(target.pid)
        began = time.perf_counter()
        interpreter = find_interpreter(target.pid)
        print(f"{python.name}: found in {1e3 * (time.perf_counter() - began):.1f} ms")
    assert facts.is_python
    assert facts.visible
    assert list(facts.version) == target.facts["version"]
    assert facts.build == "release"
    assert facts.root == ("other" if python.in_chroot else "host")
    assert facts.exe == str(python.executable)
    assert facts.same_pid_namespace
    assert facts.parent == os.getpid()
    assert facts.start_time_ticks > 0
    assert interpreter is not None
    assert interpreter.problem is None
    assert interpreter.runtime == target.facts["runtime"]
    assert facts.interpreter == interpreter
    assert any(low <= target.facts["runtime"] < high for low, high in interpreter.writable)


@each_interpreter(one_per_minor=True)
def test_waits_for_the_gil_are_inside_the_interpreter_and_waits_for_locks_are_not(python: Interpreter) -> None:
    with start_target("gil_contention", python=python) as target:
        ranges = interpreter_ranges(target.pid)
        inside = addresses_waited_for(target.pid, ranges, wanted=True, at_least=1)
    with start_target("deadlock_two_locks", python=python) as target:
        outside = addresses_waited_for(target.pid, interpreter_ranges(target.pid), wanted=False, at_least=2)
    assert inside, "no thread was seen waiting for the GIL"
    assert len(outside) >= 2, "no threads were seen waiting for locks"


def addresses_waited_for(pid: int, ranges: Sequence[tuple[int, int]], *, wanted: bool, at_least: int) -> set[int]:
    """Addresses of futex waits inside (or else outside) of the ranges, so many at least if they come."""
    found: set[int] = set()
    deadline = time.monotonic() + 40
    while len(found) < at_least and time.monotonic() < deadline:
        for task in Path(f"/proc/{pid}/task").iterdir():
            words = (task / "syscall").read_text().split()
            if words[0] in FUTEX:
                address = int(words[1], 16)
                if any(low <= address < high for low, high in ranges) is wanted:
                    found.add(address)
        time.sleep(0.001)
    return found


@each_interpreter()
def test_symbols_are_those_that_pyelftools_reads(python: Interpreter) -> None:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    path = libpython(python) or python.executable
    with path.open("rb") as stream:
        ours = Elf(stream.fileno())
        theirs = ELFFile(stream)
        dynamic = theirs.get_section_by_name(".dynsym")
        assert isinstance(dynamic, SymbolTableSection)
        defined = {each.name: each["st_value"] for each in dynamic.iter_symbols() if each["st_shndx"] != "SHN_UNDEF"}
        undefined = [each.name for each in dynamic.iter_symbols() if each["st_shndx"] == "SHN_UNDEF" and each.name]
        segments = [
            (each["p_offset"], each["p_vaddr"], each["p_filesz"], each["p_memsz"])
            for each in theirs.iter_segments("PT_LOAD")
        ]
        for name in ("_PyRuntime", "Py_Main", "PyGILState_Ensure", "PyRun_SimpleString", "_Py_NoneStruct", "no_such"):
            began = time.thread_time()
            assert ours.symbol(name) == defined.get(name)
            assert time.thread_time() - began < 1, name  # 0.3 ms where this was written; a slip, not a benchmark
        assert ours.symbol(undefined[0]) is None
        functions = {
            (each["st_value"], each["st_size"], each.name)
            for each in dynamic.iter_symbols()
            if each["st_info"]["type"] in {"STT_FUNC", "STT_LOOS"}
            and each["st_shndx"] != "SHN_UNDEF"
            and each["st_size"]
        }
        assert functions <= set(ours.functions())
        assert [(each.offset, each.address, each.file_size, each.memory_size) for each in ours.segments] == segments


def test_symbols_that_only_the_full_table_has_are_found_too() -> None:
    python = one(shared=True)
    path = libpython(python)
    assert path is not None
    name, value = local_function(path)
    with running([python.executable, "-c", READY]) as pid:
        (file,) = [each for each in mapped_files(read_maps(pid)) if each.name.startswith("libpython")]
        began = time.perf_counter()
        with open_image(pid, file) as image:
            address = image.address(name)
            bias = image.bias
        print(f"{name} of {path.stat().st_size >> 20} MB in {1e3 * (time.perf_counter() - began):.1f} ms")
    assert address == value + bias
    assert any(each.start <= address < each.end and "x" in each.permissions for each in file.mappings)


def local_function(path: Path) -> tuple[str, int]:
    """Name and value of a function that only the full symbol table has; skips where that was stripped."""
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    with path.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        if not isinstance(table, SymbolTableSection):
            pytest.skip(f"{path.name} was stripped of its full symbol table")
        names = [
            (each.name, each["st_value"])
            for each in table.iter_symbols()
            if each["st_info"]["type"] == "STT_FUNC" and each["st_info"]["bind"] == "STB_LOCAL"
        ]
    count = Counter(name for name, _ in names)
    return next((name, int(value)) for name, value in reversed(names) if count[name] == 1)


def test_a_renamed_interpreter_is_python(tmp_path: Path) -> None:
    service = tmp_path / "my service"
    shutil.copy(one(shared=False).executable, service)
    with running([service, "-S", "-c", READY]) as pid:
        facts = read_facts(pid)
    assert facts.is_python
    assert facts.name == "my service"
    assert facts.version == one(shared=False).version


def test_a_deleted_interpreter_is_python(tmp_path: Path) -> None:
    binary = tmp_path / "python3"
    shutil.copy(one(shared=False).executable, binary)
    with running([binary, "-S", "-c", READY]) as pid:
        binary.unlink()
        binary.write_bytes(b"another file has its name now")
        facts = read_facts(pid)
    assert facts.is_python
    assert facts.exe == f"{binary} (deleted)"
    assert facts.interpreter is not None
    assert facts.interpreter.runtime is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="opening a deleted library through map_files needs root")
def test_a_deleted_library_is_read_all_the_same(tmp_path: Path) -> None:
    python = one(shared=True)
    original = libpython(python)
    assert original is not None
    copy = tmp_path / original.name
    shutil.copy(original, copy)
    with running([python.executable, "-c", READY], {"LD_LIBRARY_PATH": str(tmp_path)}) as pid:
        copy.unlink()
        facts = read_facts(pid)
    assert facts.interpreter is not None
    assert facts.interpreter.path == f"{copy} (deleted)"
    assert facts.interpreter.runtime is not None
    assert facts.version == python.version


def test_a_program_that_embeds_python_is_python(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here to make a program that embeds Python")
    python = one(shared=True)
    library = libpython(python)
    (tmp_path / "embedding.c").write_text(EMBEDDING)
    program = tmp_path / "appserver"
    subprocess.run([compiler, "-o", program, tmp_path / "embedding.c", "-ldl"], check=True)
    with running([program, str(library), READY], {"PYTHONHOME": str(python.executable.parent.parent)}) as pid:
        facts = read_facts(pid)
    assert facts.is_python
    assert facts.version == python.version
    assert facts.label == "appserver"


def test_a_process_with_a_pid_namespace_of_its_own() -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        pytest.skip("making a PID namespace needs root and unshare")
    with running([unshare, "--pid", "--fork", sys.executable, "-c", READY]) as pid:
        (facts,) = python_descendants(pid)
    assert facts.ns_pids == (facts.pid, 1)
    assert not facts.same_pid_namespace
    assert facts.is_python


def test_other_programs_are_not_python() -> None:
    with running(["sh", "-c", "echo ready; exec sleep 60"]) as pid:
        facts = read_facts(pid)
    assert not facts.is_python
    assert facts.version == ()


def test_the_command_is_the_argument_list() -> None:
    with running([sys.executable, "-c", READY, "two words"]) as pid:
        facts = read_facts(pid)
    assert facts.command[2:] == (READY, "two words")
    assert facts.uid == os.geteuid()


def test_the_first_python_on_each_branch_is_the_launchers_child() -> None:
    script = f"{sys.executable} -c '{READY}' & sh -c \"{sys.executable} -c '{READY}'; true\" & wait"
    with running(["sh", "-c", script]) as pid:
        until(lambda: len(python_descendants(pid)) == 2, "both")
        found = python_descendants(pid)
    assert [each.is_python for each in found] == [True, True]
    assert [each.pid for each in found] == sorted(each.pid for each in found)

"""What a crash leaves that ends a process, and that nothing stays of a process that ends well, on every version."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.integration.test_probe_fork import environment, trace
from tests.support.ended import grave
from tests.support.interpreters import current, each_interpreter
from tests.support.preloaded import until
from tests.support.probed import Probed, probed
from tests.support.processes import running
from tests.support.targets import start_target

if TYPE_CHECKING:
    from tests.support.interpreters import Interpreter

LATER = "import time; time.sleep(0.4)\n"  # the door is open by then, on a machine that is not too busy
ARMED = "import faulthandler, time\nwhile not faulthandler.is_enabled(): time.sleep(0.01)\n"
UNCAUGHT = """
class Failed(Exception): pass
def handle(node):
    return node.name
def main(secret):
    try:
        handle(None)
    except AttributeError as error:
        raise Failed(secret) from error
main("hunter2")
"""
SEGMENTATION_FAULT = "import ctypes\ndef touch():\n    ctypes.string_at(0)\ntouch()"


# An exception


@each_interpreter(one_per_minor=True)
def test_an_uncaught_exception_leaves_what_it_came_of(python: Interpreter) -> None:
    with grave(python) as here:
        ran = here.run(UNCAUGHT)
        assert ran.returncode == 1
        assert ran.stderr.rstrip().endswith("Failed: hunter2")
        (ended,) = here.left()
        assert (ended.uncaught.rpartition(".")[2], ended.signal) == ("Failed", "")
        assert ended.crash is not None
        assert (ended.crash.type, ended.crash.kind) == ("AttributeError", "nil")
        assert ended.crash.message == "'NoneType' object has no attribute 'name'"
        assert [frame.line for frame in ended.frames][:2] == [4, 7]
        assert ended.crash.frames[0].none == ("node",)
        assert ended.crash.used is not None
        assert ended.crash.used.chain == ("node",)
        assert "hunter2" not in (here.records / "crashes.jsonl").read_text()
        assert [path.name for path in here.records.iterdir()] == ["crashes.jsonl"]


@each_interpreter(one_per_minor=True)
def test_the_messages_of_other_exceptions_are_not_recorded(python: Interpreter) -> None:
    with grave(python) as here:
        here.run(f"{ARMED}raise ValueError('secret')")
        (ended,) = here.left()
        assert (ended.uncaught, ended.crash and ended.crash.message) == ("ValueError", "")
        assert [frame.function for frame in ended.frames] == ["<module>"]


def test_what_ends_a_program_as_it_wants_is_no_crash() -> None:
    with grave(current()) as here:
        assert here.run(f"{ARMED}raise SystemExit(3)").returncode == 3
        assert here.run(f"{ARMED}raise KeyboardInterrupt").returncode == -signal.SIGINT
        assert here.run(f"{ARMED}import os; os._exit(4)").returncode == 4
        assert here.left() == []


def test_an_exception_that_was_printed_while_the_program_went_on_is_no_crash() -> None:
    program = "import code; code.InteractiveInterpreter().runsource('None.name')"
    with grave(current()) as here:
        assert "AttributeError" in here.run(program).stderr
        assert not here.records.exists()


def test_an_excepthook_of_the_services_own_is_none_of_our_business() -> None:
    program = f"import sys; assert sys.excepthook is sys.__excepthook__; sys.excepthook = print\n{UNCAUGHT}"
    with grave(current()) as here:
        ran = here.run(program)
        assert ran.stdout.startswith("<class '__main__.Failed'>")
        assert not ran.stderr
        assert len(here.left()) == 1


# A fatal signal


@each_interpreter(one_per_minor=True)
def test_a_segmentation_fault_leaves_its_stack(python: Interpreter) -> None:
    with grave(python) as here:
        ran = here.run(ARMED + SEGMENTATION_FAULT)
        assert (ran.returncode, ran.stderr) == (-signal.SIGSEGV, "")
        (ended,) = here.left()
        assert (ended.signal, ended.program) == ("SIGSEGV", "-c")
        assert ended.python == ".".join(map(str, python.version))
        assert [(frame.function, frame.line) for frame in ended.frames[-2:]] == [("touch", 5), ("<module>", 6)]
        assert len(ended.threads) == 1


@each_interpreter(one_per_minor=True)
def test_an_abort_leaves_its_stack(python: Interpreter) -> None:
    with grave(python) as here:
        assert here.run(f"{ARMED}import os; os.abort()").returncode == -signal.SIGABRT
        (ended,) = here.left()
        assert (ended.signal, ended.frames[-1].function) == ("SIGABRT", "<module>")


@each_interpreter(one_per_minor=True)
def test_a_faulthandler_of_the_services_own_stays_its_own(python: Interpreter) -> None:
    with grave(python) as here:
        for before, options in (("", ("-X", "faulthandler")), ("import faulthandler; faulthandler.enable()\n", ())):
            ran = here.run(f"{before}{LATER}import os; os.abort()", *options)
            assert ran.stderr.startswith("Fatal Python error: Aborted")
        later = here.run(f"{ARMED}import faulthandler, os; faulthandler.enable(); os.abort()")
        assert later.stderr.startswith("Fatal Python error: Aborted")
        assert here.left() == []


def test_handlers_of_c_code_stay_where_they_are() -> None:
    program = f"""
import ctypes, signal
handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: None)
libc = ctypes.CDLL(None)
libc.signal.restype = ctypes.c_void_p
libc.signal(signal.SIGSEGV, handler)
import faulthandler, kdiag
kdiag.install()
{LATER}
assert not faulthandler.is_enabled()
print(libc.signal(signal.SIGSEGV, None) == ctypes.cast(handler, ctypes.c_void_p).value)
"""
    with grave(current()) as here:
        assert here.run(program, preloaded=False).stdout == "True\n"
        assert not here.records.exists()


def test_handlers_of_c_code_that_came_later_stay_too() -> None:
    program = f"""
{ARMED}
import ctypes, faulthandler, kdiag, signal
handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda number: None)
libc = ctypes.CDLL(None)
libc.signal.restype = ctypes.c_void_p
libc.signal(signal.SIGSEGV, handler)
kdiag.uninstall()
print(libc.signal(signal.SIGSEGV, None) == ctypes.cast(handler, ctypes.c_void_p).value)
"""
    with grave(current()) as here:
        assert here.run(program).stdout == "True\n"
        assert not here.records.exists()


# Children


@each_interpreter(one_per_minor=True)
def test_a_forked_child_leaves_its_own_record(python: Interpreter) -> None:
    for parent_s in (0.0, 0.4):  # before the door is open, and afterwards
        program = f"""
import os, time
time.sleep({parent_s})
if os.fork() == 0:
    exec({ARMED!r})
    if os.fork() == 0:
        None.grandchild
    os.wait()
    os.abort()
os.wait()
"""
        with grave(python) as here:
            assert here.run(program).returncode == 0
            grandchild, child = sorted(here.left(), key=lambda ended: ended.signal)  # clocks of files go in steps
            assert (grandchild.uncaught, child.signal) == ("AttributeError", "SIGABRT")
            assert grandchild.parent == child.pid
            assert child.frames[-1].line == 9


@each_interpreter(one_per_minor=True)
def test_a_child_that_crashes_before_its_own_door_is_open_does_not_write_into_its_parents_file(
    python: Interpreter,
) -> None:
    program = f"{ARMED}import os; print(os.getpid(), flush=True)\nif os.fork() == 0: os.abort()\nos.wait()"
    with grave(python) as here:
        ran = here.run(program)
        assert ran.returncode == 0
        assert int(ran.stdout) not in {ended.pid for ended in here.left()}
        assert here.left() or not here.records.exists()  # its own, where it was so slow that its own door was open


# A good end


@each_interpreter(one_per_minor=True)
def test_nothing_stays_of_a_process_that_ends_well(python: Interpreter) -> None:
    with grave(python) as here:
        ran = here.run(f"{ARMED}import os; print(*os.listdir(os.environ['XDG_STATE_HOME'] + '/kdiag'))")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("fatal-")
        assert not here.records.exists()


def test_what_a_killed_child_leaves_goes_with_its_parent() -> None:
    program = f"import os\nif os.fork() == 0:\n    exec({ARMED!r})\n    os.kill(os.getpid(), 9)\nos.wait()\n{ARMED}"
    with grave(current()) as here:
        assert here.run(program).returncode == 0
        assert not here.records.exists()


def test_uninstalling_takes_it_away() -> None:
    program = (
        f"import kdiag, faulthandler, os; kdiag.install()\n{ARMED}print(faulthandler.is_enabled())\n"
        "kdiag.uninstall(); print(faulthandler.is_enabled(), os.listdir(os.environ['XDG_STATE_HOME']))\n"
        "os.abort()"
    )
    with grave(current()) as here:
        ran = here.run(program)
        assert ran.stdout == "True\nFalse []\n"
        assert here.left() == []


DAEMON = f"""
{ARMED}
import os
os.closerange(3, 1100)
mine = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_daemon_that_closes_all_descriptors_has_a_file_again() -> None:
    python = current()
    with grave(python) as here, running([*python.argv_prefix, "-c", DAEMON], here.env) as pid:
        until(lambda: _has_a_file(pid), "a new file")
        psutil.Process(pid).send_signal(signal.SIGABRT)
        until(lambda: bool(here.left()), "its stack")
        assert here.left()[0].pid == pid


# Attached


@each_interpreter(one_per_minor=True)
def test_a_process_that_is_attached_to_leaves_a_record(python: Interpreter) -> None:
    with grave(python) as here, probed(python, here.state) as process:
        with process.enter() as channel:
            channel.hello()
            until(lambda: bool(_files(here.records)), "it is armed")
            psutil.Process(process.pid).send_signal(signal.SIGABRT)
            process.target.process.wait(timeout=60)  # its whole stack is written by then
        (ended,) = here.left()
        assert (ended.pid, ended.signal) == (process.pid, "SIGABRT")
        assert ended.frames[-1].function == "<module>"


@each_interpreter(one_per_minor=True)
def test_an_exception_ends_a_process_that_is_attached_to(python: Interpreter) -> None:
    with grave(python) as here, start_target("probed", python=python, env=here.state) as target:
        process = Probed(target)
        with process.enter() as channel:
            channel.hello()
            process.order("what there is not")
            until(lambda: bool(here.left()), "its record")
        process.close()
        (ended,) = here.left()
        assert (ended.pid, ended.uncaught) == (process.pid, "KeyError")
        until(lambda: not _files(here.records), "only its record stays")


@each_interpreter(one_per_minor=True)
def test_a_probe_that_leaves_takes_it_away(python: Interpreter) -> None:
    with grave(python) as here, probed(python, here.state) as process:
        with process.enter() as channel:
            channel.hello()
            until(lambda: bool(_files(here.records)), "it is armed")
            assert process.do("snapshot")["caught"] != process.before["caught"]
        process.assert_clean()
        assert not here.records.exists()


@each_interpreter(one_per_minor=True)
def test_a_child_of_a_process_that_is_attached_to_is_clean(python: Interpreter) -> None:
    with grave(python) as here, probed(python, here.state | environment(python)) as process:
        with process.enter() as channel:
            channel.hello()
            until(lambda: bool(_files(here.records)), "it is armed")
            child = process.do("fork", seconds=0.0)
            assert child["snapshot"]["caught"] == process.before["caught"]
            process.do("reap", pid=child["pid"])
        process.assert_clean(but=trace(python))


def _files(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if each.name.startswith("fatal-")]
    except FileNotFoundError:  # it comes with the first file, and goes with the last
        return []


def _has_a_file(pid: int) -> bool:
    """Whether a process holds a file for fatal signals open, under the name that it has in the end."""
    with contextlib.suppress(FileNotFoundError):  # closed meanwhile
        return any("/fatal-" in os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir())
    return False

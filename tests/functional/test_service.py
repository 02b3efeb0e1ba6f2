"""What a service author has in hand: `kdiag.install()`, and the names of the public interface."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import psutil

import kdiag
from kdiag import service
from tests.support.preloaded import door_of, until, visit
from tests.support.processes import running, thread_names


def _python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.strip()


def test_import_kdiag_imports_nothing_else() -> None:
    assert (
        _python("import sys; before = set(sys.modules); import kdiag; print(set(sys.modules) - before)") == "{'kdiag'}"
    )


def test_install_brings_nothing_of_the_diagnosis_in() -> None:
    program = (
        "import sys; import kdiag; kdiag.install()\n"
        "ours = {'kdiag', 'click', 'psutil', 'msgspec'}\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in ours))"
    )
    assert _python(program) == "['kdiag', 'kdiag.service']"


def test_what_there_is_not_is_an_attribute_error() -> None:
    assert _python("import kdiag\ntry: kdiag.instal\nexcept AttributeError as error: print(error)").endswith("'instal'")


def test_every_public_name_is_there_and_is_where_it_is_made() -> None:
    program = (
        "import kdiag\n"
        "assert set(kdiag.__all__) <= set(dir(kdiag))\n"
        "print(*(name for name in kdiag.__all__ if getattr(kdiag, name, None) is None))\n"
        "from kdiag.machinery import runtime, sync\n"
        "assert kdiag.panic_handlers is runtime.panic_handlers\n"
        "assert kdiag.RWMutex is sync.RWMutex and kdiag.handle_crash is runtime.handle_crash"
    )
    assert not _python(program)


def test_type_checkers_see_the_same_names() -> None:
    stub = ast.parse((Path(service.__file__).parent / "__init__.pyi").read_text())
    (told,) = (ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    imported = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    declared = {ast.unparse(node.target) for node in stub.body if isinstance(node, ast.AnnAssign)}
    assert imported | declared == set(told) == set(kdiag.__all__)


def test_what_is_asked_for_brings_in_no_more_than_it_needs() -> None:
    program = (
        "import sys, kdiag\n"
        "kdiag.handle_crash, kdiag.RWMutex\n"
        "print(sorted(name for name in sys.modules if name.count('.') == 1 and name.startswith('kdiag.')))"
    )
    assert _python(program) == "['kdiag.machinery']"


CRASHES = """
import kdiag, logging, threading
kdiag.panic_handlers[:] = [lambda crash: print("heard of", type(crash).__name__)]
@kdiag.handle_crash
def work(): None.name
def crash():
    try: work()
    except AttributeError: print("goes on")
    else: print("ends here")
crash()
kdiag.really_crash = False
assert kdiag.really_crash is False
crash()
with kdiag.recover_from_panic() as recovered: None.name
print(type(recovered.error.__cause__).__name__)
kdiag.handle_error(None)
"""


def test_crashes_are_heard_of_and_go_on_unless_they_are_told_not_to() -> None:
    heard = "heard of AttributeError"
    assert _python(CRASHES).splitlines() == [heard, "goes on", heard, "ends here", "AttributeError"]


INSTALLS = """
import kdiag, os, threading, time
threads = [threading.Thread(target=kdiag.install) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
kdiag.install()
print(os.getpid(), flush=True)
input()
kdiag.uninstall()
kdiag.uninstall()
print("removed", flush=True)
input()
kdiag.install()
print("again", flush=True)
input()
"""


def test_installed_removed_and_installed_again() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INSTALLS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        door = door_of(pid)
        with visit(pid) as channel:
            assert channel.hello().preloaded
        until(lambda: _doors(pid) == ["kdiag-door"], "the thread in the door is alone again")
        print(file=service.stdin, flush=True)
        assert service.stdout.readline() == "removed\n"
        assert not door.exists()
        until(lambda: not _doors(pid), "the thread in the door has ended")
        print(file=service.stdin, flush=True)
        assert service.stdout.readline() == "again\n"
        door_of(pid)
        print(file=service.stdin, flush=True)
        assert service.wait(60) == 0


def _doors(pid: int) -> list[str]:
    """The kernel's names of our threads in a process."""
    return [name for name in thread_names(pid) if name.startswith("kdiag")]


INSTALLS_AND_FORKS = """
import kdiag, os, time
kdiag.install()
os.fork() or time.sleep(60)
print(os.getpid(), flush=True)
os.wait()
"""


def test_forked_children_have_it_too() -> None:
    with running([sys.executable, "-c", INSTALLS_AND_FORKS]) as pid:
        until(psutil.Process(pid).children, "it has forked")
        (child,) = psutil.Process(pid).children()
        with visit(child.pid) as channel:
            assert channel.hello().pid == child.pid


UNINSTALLS = """
import kdiag, os
kdiag.install()
print(os.getpid(), flush=True)
input()
kdiag.uninstall()
print(flush=True)
input()
"""


def test_who_is_inside_when_it_is_uninstalled_stays_until_the_visit_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", UNINSTALLS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        pid = int(service.stdout.readline())
        with visit(pid) as channel:
            print(file=service.stdin, flush=True)
            assert service.stdout.readline() == "\n"
            assert channel.hello().pid == pid
        until(lambda: not _doors(pid), "the thread in the door ends with the visit")
        print(file=service.stdin, flush=True)
        assert service.wait(60) == 0

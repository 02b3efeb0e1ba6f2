"""`kdiag run`: the service is its own, its door is open however it was started, and nothing else has changed for it."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from kdiag.attach.bundle import PARENTS
from kdiag.engine.launch import PRELOAD
from tests.support.interpreters import Interpreter, each_interpreter, interpreters
from tests.support.kdiag import command
from tests.support.preloaded import door_of, installed_for, under_kdiag_run, until, visit
from tests.support.processes import running
from tests.support.targets import kill, start_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
FORKS = """
import os, time
print(os.getpid(), flush=True)
if not os.fork():
    time.sleep(60)
    os._exit(0)
os.wait()
"""


def run(*words: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return _ended(command("run", "--", *words), env)


def _ended(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **(env or {})}
    )


# The door


@each_interpreter(one_per_minor=True)
def test_the_door_is_open_on_every_version(python: Interpreter) -> None:
    with installed_for(python) as folder, running([*python.argv_prefix, "-c", SLEEPS], {"PYTHONPATH": folder}) as pid:
        for _ in "once", "again":
            with visit(pid) as channel:
                hello = channel.hello()
            assert (hello.pid, hello.python, hello.preloaded) == (pid, python.version, True)
            assert hello.crashes == 0


@pytest.mark.parametrize(
    "words",
    [["-c", SLEEPS], ["-m", "shop"], ["--", sys.executable, "-u", "-c", SLEEPS], ["app.py"], ["--", "./started"]],
    ids=["code", "module", "command", "script", "executable"],
)
def test_every_way_to_start_a_program(words: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("app.py", "shop.py"):
        (tmp_path / name).write_text(SLEEPS)
    (tmp_path / "started").write_text(f"#!{sys.executable}\n{SLEEPS}")
    (tmp_path / "started").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    with running(command("run", *words), {"PATH": _with_our_python()}) as pid, visit(pid) as channel:
        assert channel.hello().pid == pid


def _with_our_python() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("script", ["flask_waitress", "starlette_limiter", "gunicorn_gthread"])
def test_services_on_frameworks(script: str) -> None:
    with start_target(script, python=under_kdiag_run()) as target, visit(target.pid) as channel:
        assert channel.hello().pid == target.pid
        with target.traffic("/", clients=2, requests=20) as traffic:
            traffic.wait()
        assert (traffic.answered, traffic.failed) == (20, 0)
        assert not target.stderr


APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
SERVERS = {
    "gunicorn sync": ["-m", "gunicorn", "shop:application", "--bind", "{address}", "--workers", "2"],
    "gunicorn gthread": [
        "-m",
        "gunicorn",
        "shop:application",
        "--bind",
        "{address}",
        "--workers",
        "2",
        "--threads",
        "2",
    ],
    "uvicorn": ["-m", "uvicorn", "shop:asgi", "--port", "{port}", "--lifespan", "off"],
    "uvicorn workers": ["-m", "uvicorn", "shop:asgi", "--port", "{port}", "--lifespan", "off", "--workers", "2"],
}


@pytest.mark.parametrize("server", SERVERS)
def test_servers_from_their_own_command_lines(server: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION)
    with _kept_port() as port, _serving(_words(server, port), tmp_path, port) as master:
        family = psutil.Process(master)
        workers = 2 if "--workers" in SERVERS[server] else 0
        until(lambda: len(family.children(recursive=True)) >= workers, "all workers are there")
        for process in (family, *family.children(recursive=True)):
            with visit(process.pid) as channel:
                assert channel.hello().pid == process.pid
        assert _answer(port) == b"ok"


@contextlib.contextmanager
def _kept_port() -> Iterator[int]:
    """A port that nobody gets who asks for any: it is bound here, and may be bound again by who reuses addresses."""
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield int(keeper.getsockname()[1])


def _words(server: str, port: int) -> list[str]:
    return [word.format(port=port, address=f"127.0.0.1:{port}") for word in SERVERS[server]]


@contextlib.contextmanager
def _serving(words: Sequence[str], folder: Path, port: int) -> Iterator[int]:
    """A server that answers; it is told to end as services are, and must then end cleanly."""
    with subprocess.Popen(
        command("run", "--", sys.executable, *words), cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as server:  # fmt: skip
        try:
            until(lambda: _answer(port) == b"ok", f"{words} answers")
            yield server.pid
            server.terminate()
            assert server.wait(60) in {0, -signal.SIGTERM}
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                kill([*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)])


def _answer(port: int) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


FAMILY = """
import multiprocessing, sys, time
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    child = context.Process(target=time.sleep, args=(60,))
    child.start()
    print(child.pid, flush=True)
    child.join()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_open_doors_of_their_own(method: str, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(FAMILY)
    with running(command("run", "--", sys.executable, script, method)) as pid:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with visit(process.pid) as channel:
                assert channel.hello().pid == process.pid


def test_a_forked_child_opens_a_door_of_its_own_and_the_parents_stays() -> None:
    program = f"import time; time.sleep(0.3)\n{FORKS}"
    with running(command("run", "--", sys.executable, "-c", program)) as pid:
        until(psutil.Process(pid).children, "it has forked")
        (child,) = psutil.Process(pid).children()
        with visit(pid) as one, visit(child.pid) as other:
            assert (one.hello().pid, other.hello().pid) == (pid, child.pid)


# Nothing else has changed for the service


def test_the_exit_code_is_the_services_own() -> None:
    assert run(sys.executable, "-c", "raise SystemExit(7)").returncode == 7
    assert run("sh", "-c", "exit 3").returncode == 3
    assert run(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)").returncode == -signal.SIGKILL


CATCHES = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
try:
    print(os.getpid(), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(6)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 5), (signal.SIGINT, 6), (signal.SIGHUP, -signal.SIGHUP)])
def test_signals_are_the_services_own(number: signal.Signals, code: int) -> None:
    with subprocess.Popen(command("run", "--", sys.executable, "-c", CATCHES), stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert int(service.stdout.readline()) == service.pid  # it has become the service
        door_of(service.pid)
        service.send_signal(number)
        assert service.wait(60) == code


def test_ignored_signals_and_descriptors_are_as_without_us() -> None:
    state = ["sh", "-c", "grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status; ls /proc/self/fd"]
    assert run(*state).stdout == _ended(state).stdout


SHOWS_ITSELF = """
import sys, time
time.sleep(0.3)
print(sys.path, sys.flags)
try:
    import sitecustomize
    print(sitecustomize.__file__)
except ImportError as error:
    print(error)
print(*sorted(sys.modules))
"""


@each_interpreter(one_per_minor=True)
def test_it_says_nothing_and_is_hardly_seen(python: Interpreter) -> None:
    argv = [*python.argv_prefix, "-X", "dev", "-W", "error", "-c", SHOWS_ITSELF]
    plain = _ended(argv, {"PYTHONPATH": "/nowhere"})
    with installed_for(python) as folder:
        ours = _ended(argv, {"PYTHONPATH": f"{folder}{os.pathsep}/nowhere"})
    assert (ours.stderr, ours.returncode) == (plain.stderr, 0)
    *facts, modules = ours.stdout.splitlines()
    *plain_facts, plain_modules = plain.stdout.splitlines()
    assert facts == plain_facts
    added = set(modules.split()) - set(plain_modules.split())
    added = {name for name in added if not name.startswith(("_kdiag_door", "encodings."))}  # -X dev checks encodings
    assert added <= {"__future__", "_socket", "atexit"}


def test_a_sitecustomize_of_the_services_own_still_runs(tmp_path: Path) -> None:
    own = tmp_path / "sitecustomize.py"
    own.write_text("import sys; sys.customized = __file__")
    program = "import sitecustomize, sys; print(sys.customized, sitecustomize.__file__)"
    seen = run(sys.executable, "-c", program, env={"PYTHONPATH": str(tmp_path)})
    assert seen.stdout.split() == [str(own), str(own)]


def test_one_that_fails_fails_as_without_us(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('broken')")
    plain = _ended([sys.executable, "-c", "pass"], {"PYTHONPATH": str(tmp_path)})
    ours = _ended([sys.executable, "-c", "pass"], {"PYTHONPATH": f"{PRELOAD}{os.pathsep}{tmp_path}"})
    assert "broken" in plain.stderr
    assert (ours.stderr, ours.returncode) == (plain.stderr, plain.returncode)


def test_the_path_goes_on_to_children_of_any_kind() -> None:
    assert run("sh", "-c", "echo $PYTHONPATH", env={"PYTHONPATH": "/a:"}).stdout.strip() == f"{PRELOAD}:/a:"


@each_interpreter((3, 12), one_per_minor=True)
def test_the_service_forks_without_a_thread_of_ours(python: Interpreter) -> None:
    """Python warns where a process with threads forks; ours are not the service's."""
    if python.minor == (3, 13):
        pytest.skip("3.13.0 counts the threads only after our handler has started ours anew")
    program = f"import time; time.sleep(0.3)\n{FORKS.replace('60', '0.3')}"
    argv = [*python.argv_prefix, "-W", "always", "-c", program]
    with installed_for(python) as folder:
        assert not _ended(argv, {"PYTHONPATH": folder}).stderr


# What stays behind, and what takes the door away


def test_an_end_takes_the_door_away_and_what_a_kill_leaves_is_removed_by_the_next() -> None:
    with running(command("run", "--", sys.executable, "-c", SLEEPS)) as pid:
        door = _here(pid)
        psutil.Process(pid).send_signal(signal.SIGINT)
        until(lambda: not door.exists(), "the door of an ended process is gone")
    with running(command("run", "--", sys.executable, "-c", SLEEPS)) as pid:
        left = _here(pid)
        kill([psutil.Process(pid)])
        assert left.exists()  # before it is reaped: until then it is swept by nobody, whoever opens a door meanwhile
    with running(command("run", "--", sys.executable, "-c", SLEEPS)) as pid:
        door_of(pid)
        until(lambda: not left.exists(), "the door of a killed process is gone")


@each_interpreter(one_per_minor=True)
def test_a_service_that_ends_while_a_host_is_inside_ends_as_ever(python: Interpreter) -> None:
    program = "import os; print(os.getpid(), flush=True); input()"
    with (
        installed_for(python) as folder,
        subprocess.Popen(
            [*python.argv_prefix, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**os.environ, "PYTHONPATH": folder},
        ) as service,
    ):  # fmt: skip
        assert service.stdout is not None
        with visit(int(service.stdout.readline())) as channel:
            channel.request("start", sensors=["gc", "threads", "loops", "memory"])
            door = _here(service.pid, python.root)
            _, said = service.communicate("\n", timeout=60)
            assert (service.returncode, said, door.exists()) == (0, "", False)


def _here(pid: int, root: Path = Path("/")) -> Path:
    """A door as it is seen without its process."""
    name = door_of(pid).parent.name
    return next(door for parent in PARENTS if (door := root / parent[1:] / name).exists())


BECOMES_A_DAEMON = """
import os, time
time.sleep(0.3)
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
time.sleep({wait_s})
said = os.dup(1)
os.dup2(said, 100)
os.closerange(3, 100)
os.closerange(101, 1024)
mine = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
os.write(100, b"%d\\n" % os.getpid())
time.sleep({stays_s})
assert all(os.path.samestat(os.fstat(each), os.stat("/dev/null")) for each in mine)
os.write(100, b"whole\\n")
time.sleep(60)
"""


@pytest.mark.parametrize("wait_s", [0.0, 0.5], ids=["before the door opens", "afterwards"])
def test_a_daemon_that_closes_all_descriptors_has_a_door_again(wait_s: float) -> None:
    program = BECOMES_A_DAEMON.format(wait_s=wait_s, stays_s=7)
    with subprocess.Popen(
        command("run", "--", sys.executable, "-c", program), stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        daemon = psutil.Process(int(started.stdout.readline()))
        try:
            assert started.stdout.readline() == "whole\n"
            with visit(daemon.pid) as channel:
                assert channel.hello().pid == daemon.pid
        finally:
            kill([daemon])


BECOMES_NOBODY = """
import os, time
time.sleep({wait_s})
os.setgid(65534)
os.setuid(65534)
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("wait_s", [0.0, 0.5], ids=["before the door opens", "afterwards"])
def test_a_service_that_changes_its_user_has_a_door_of_that_user(wait_s: float) -> None:
    program = BECOMES_NOBODY.format(wait_s=wait_s)
    python = _for_everybody()
    with (
        installed_for(python, copy=True) as folder,
        running([*python.argv_prefix, "-c", program], {"PYTHONPATH": folder}) as pid,
    ):
        until(lambda: _owner(door_of(pid)) == 65534, "the door is its new user's")
        with visit(pid) as channel:
            assert channel.hello().pid == pid


def _owner(door: Path) -> int | None:
    """Whose a door is; None where it has just been taken away, for another one."""
    with contextlib.suppress(FileNotFoundError):
        return door.stat().st_uid
    return None


def _for_everybody() -> Interpreter:
    """An interpreter that any user may run; one below root's home is root's alone."""
    for python in interpreters():
        if not python.in_chroot and all(folder.stat().st_mode & 0o001 for folder in python.executable.parents):
            return python
    pytest.skip("no interpreter of this machine may be run by other users")


FORKS_WHEN_TOLD = """
import os, signal, time
def fork(*_):
    if not os.fork():
        time.sleep(60)
        os._exit(0)
signal.signal(signal.SIGUSR1, fork)
print(os.getpid(), flush=True)
while True:
    time.sleep(0.05)
"""


@each_interpreter(one_per_minor=True)
def test_a_fork_while_a_host_is_inside(python: Interpreter) -> None:
    with (
        installed_for(python) as folder,
        running([*python.argv_prefix, "-c", FORKS_WHEN_TOLD], {"PYTHONPATH": folder}) as pid,
        visit(pid) as channel,
    ):
        channel.request("start", sensors=["gc", "threads", "loops", "memory"])
        psutil.Process(pid).send_signal(signal.SIGUSR1)
        until(psutil.Process(pid).children, "it has forked")
        (child,) = psutil.Process(pid).children()
        with visit(child.pid) as other:
            assert (other.hello().pid, other.hello().sensors) == (child.pid, ())
        assert channel.hello().pid == pid
        assert len(channel.hello().sensors) == 4
        assert channel.hello().crashes == 0


def _too_old() -> list[Path]:
    """Interpreters that no probe could run in, but that a service may start all the same."""
    found = Path.home().glob(".pyenv/versions/*/bin/python")
    return sorted(each for each in found if each.parents[1].name.startswith(("2.", "3.6.", "3.7.", "3.8.")))


@pytest.mark.parametrize("python", _too_old(), ids=lambda each: each.parents[1].name)
def test_a_python_that_is_too_old_is_left_alone(python: Path) -> None:
    program = (
        "import sys, time; time.sleep(0.3); print([each for each in list(sys.modules) + sys.path if 'kdiag' in each])"
    )
    ran = _ended([python, "-c", program], {"PYTHONPATH": str(PRELOAD), "PYTHONDONTWRITEBYTECODE": "1"})
    assert (ran.stdout, ran.stderr, ran.returncode) == ("[]\n", "", 0)


def test_any_python_can_read_the_first_file() -> None:
    """Whatever Python the service starts finds it; nothing newer than Python 2.7 may be in it."""
    source = (PRELOAD / "sitecustomize.py").read_text()
    tree = ast.parse(source, feature_version=(3, 4))
    newer = (ast.AnnAssign, ast.JoinedStr, ast.AsyncFunctionDef, ast.Nonlocal, ast.Starred, ast.NamedExpr)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert functions
    assert all(each.returns is None and not any(arg.annotation for arg in each.args.args) for each in functions)
    assert source.isascii()

"""Stage 0: the text that is run in the target first. It opens a door, lets one host in, and runs what that host sends.

It is separate because it travels differently: as one short text without comments and with short names (see
`kdiag.attach.bundle`), run on a thread of its own while the service is under load. So it imports only what every
interpreter holds already, and numbers stand for constants: 1 is AF_UNIX and SOL_SOCKET, 17 SO_PEERCRED, 20
SO_RCVTIMEO, 256 MSG_WAITALL, 0 SIG_BLOCK.

- Each call that may wait gives up the GIL, and gets it back 5 ms later when one other thread computes. So there are as
  few as can be: the kernel keeps the time limits (a limit of Python's own waits twice), and one call takes the bundle.
- Whatever goes wrong, all is removed again and nothing is said.
- A door is a folder that only its owner may enter, with a socket in it. It is made under another name and renamed once
  the socket listens, so that it is never seen half made. Renaming does not replace a folder that holds a door.
- Uid 65534 is the root of a user namespace above, who has no number here; `nobody` cannot enter the folder.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # it is built in
import _socket
import _thread
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def start(parents: tuple[str, ...], wait_us: int, pid: int) -> None:
    """Go on in a thread of our own, so that the one that runs this is free at once.

    A child that was forked before its parent came to what it had been asked for was not asked.
    """
    if pid == os.getpid():
        own = _thread.stack_size(1 << 20)  # the service may have chosen one on which our code would overflow
        try:
            _thread.start_new_thread(serve, (parents, wait_us, _thread.get_native_id()))
        finally:
            _thread.stack_size(own)


def serve(parents: tuple[str, ...], wait_us: int, boot_thread: int) -> None:
    """Wait for a host, take its bundle, and hand everything over to what is in it."""
    to_close: list[Any] = []
    folder: Any = None
    forks: Any = ()
    forked = type("", (), {"after_fork_in_child": lambda _: [forks.clear(), *(each.close() for each in to_close)]})()
    try:
        forks = at_fork()
        forks.append(forked)
        _signal.pthread_sigmask(0, _signal.valid_signals())
        folder, listener = open_door(parents, to_close)
        limit(listener, wait_us)
        peer: Any = _socket.socket(fileno=listener._accept()[0])
        to_close.append(peer)
        limit(peer, wait_us)
        if int.from_bytes(peer.getsockopt(1, 17, 12)[4:8], "little") not in {os.geteuid(), 0, 65534}:
            raise OSError
        peer.send(b"B")
        size = int.from_bytes(peer.recv(4, 256), "big")
        bundle = marshal.loads(peer.recv(min(size, 1 << 22), 256))  # raises when it is not all of it
        space: dict[str, Any] = {}
        exec(bundle[0], space)
        space["load"](bundle, folder, listener, peer, boot_thread)
    except:
        for each in to_close:
            each.close()
        if folder:
            close_door(folder)
    finally:
        if forked in forks:
            forks.remove(forked)


def at_fork() -> list[Any]:
    """Those whom every fork tells: who hangs on that list. What reads it stays, for Python cannot take it back.

    So it has globals of its own, which keep nothing of ours alive, and there is one for the life of the process.
    """
    slot: Any = getattr(sys, "_kdiag_at_fork", None)
    if slot is None:
        slot = sys._kdiag_at_fork = []  # type: ignore[attr-defined]
        make: Any = type(tell)
        hooks = {"before": "before_fork", "after_in_parent": "after_fork_in_parent",
                 "after_in_child": "after_fork_in_child"}  # fmt: skip
        os.register_at_fork(**{
            when: make(tell.__code__, {"__builtins__": globals()["__builtins__"]}, "kdiag", (slot, method))
            for when, method in hooks.items()
        })  # fmt: skip
    return slot  # type: ignore[no-any-return]


def tell(slot: Any = (), method: str = "") -> None:
    """Tell those who hang on the list, and want to know; the service must not hear of what goes wrong."""
    for each in slot[:]:
        try:
            getattr(each, method)()
        except:  # noqa: S110 - whatever it is
            pass


def limit(each: Any, wait_us: int) -> None:
    """Have the kernel end a socket's waits; a service may have set a limit of Python's own for all sockets."""
    if each.gettimeout() is not None:
        each.settimeout(None)
    each.setsockopt(1, 20, b"".join(part.to_bytes(8, "little") for part in divmod(wait_us, 10**6)))


def open_door(parents: tuple[str, ...], to_close: list[Any]) -> Any:
    """Open a door below the first of `parents` where that can be, and return it: (folder, listening socket).

    The socket is in `to_close` from its first moment on.
    """
    for parent in parents:
        folder = f"{parent}/.kdiag-{os.geteuid()}-{os.getpid()}"
        made = f"{folder}-{_thread.get_native_id()}"
        door = made + "/door"
        listener = _socket.socket(1)
        to_close.append(listener)
        try:
            os.mkdir(made, 448)  # 0700, and 0600 below
            listener.bind(door)
            os.chmod(door, 384)  # what the service's umask leaves is not what it should be
            listener.listen(8)
            os.rename(made, folder)
            return folder, listener
        except OSError:
            listener.close()
            close_door(made)
    return None


def close_door(folder: str) -> None:
    """Remove a door, as much of it as there is."""
    for remove, path in (os.unlink, folder + "/door"), (os.rmdir, folder):
        try:
            remove(path)
        except OSError:
            pass

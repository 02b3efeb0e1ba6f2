"""What the interpreter runs for us at a safe point of one of the service's threads (PEP 768, so 3.14 and later).

The host puts lines before this file that set SCRIPT, its path, PID, and TEXT. It only starts a thread: that one
removes the file, then runs TEXT. A child that was forked before its parent came to the request has it, too, and PID is
its parent's: it leaves the file to whom it is for. Nothing that goes wrong in either is seen or heard by the service.
"""

import _thread

SCRIPT: str
PID: int
TEXT: bytes


def run(script: str, pid: int, text: bytes) -> None:
    """Leave no file behind, then run the text; not at all when the host has taken the file back meanwhile."""
    try:
        import os  # noqa: PLC0415 - not on the service's thread

        if os.getpid() != pid:
            return
        os.unlink(script)  # noqa: PTH108 - pathlib may not be loaded yet
        exec(text, {"__name__": "__main__"})  # noqa: S102 - our own text
        # The host does this too, sooner: while many want the GIL, every system call of ours costs us a long wait.
        os.rmdir(os.path.dirname(script))  # noqa: PTH106, PTH120
    except BaseException:  # noqa: S110 - nobody is there who could act on it
        pass


try:
    _thread.start_new_thread(run, (SCRIPT, PID, TEXT))  # noqa: F821 - set by the host
except KeyboardInterrupt:  # the service's Ctrl-C came at this very moment, and would end here
    _thread.interrupt_main()
except Exception:  # noqa: S110 - no more threads can be started; or the interpreter is ending
    pass

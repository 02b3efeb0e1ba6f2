"""`kdiag PID`: the screen that says whether a service is sick and of what, live."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kdiag.cli import output
from kdiag.cli.parameters import Duration, attach_option, record_option, target_options
from kdiag.engine.diagnosis import live
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.inside import WayIn
    from kdiag.tui.app import KdiagApp

_EPILOG = """\b
Examples:
  kdiag                       choose a process from a list
  kdiag 1234                  watch process 1234
  kdiag --port 8000           … whatever listens on port 8000
  kdiag shop                  … the one whose command line has "shop" in it
  kdiag 1234 --record shop.kdiag  keep it, for: kdiag replay shop.kdiag
  kdiag 1234 --attach auto    let a probe in at once: it proves what else is only suspected
\b
Without a terminal (scripts, CI, screen readers): kdiag diagnose PID.
"""


@click.command("watch", epilog=_EPILOG)
@target_options
@click.option(
    "--window", "window_s", type=Duration(), default="30s", show_default=True, help="Judge the last so many seconds."
)
@record_option
@attach_option(
    default="none",
    help_="How to let a probe in at once. By default nothing goes into the process until you press a and say yes.",
)
def command(
    pid: int | None, name: str | None, port: int | None, window_s: float, record_file: Path | None, attach: WayIn
) -> int:
    """Watch a process on a screen: whether it is sick and of what, live.

    Without a process, choose one from a list. Nothing is brought into the process unless you ask for it.
    """
    check_terminal(f"kdiag diagnose {pid or 'PID'}")
    output.check_writable(record_file)
    if pid is None and name is None and port is None:
        return _choose(window_s, attach, record_file)
    app = _watch(find_pid(pid, name, port), window_s, attach, record_file)
    return _choose(window_s, attach, None) if app.choose_again else leave(app)


def _choose(window_s: float, attach: WayIn, record: Path | None) -> int:
    """The list, and the watch of what is chosen, until somebody quits."""
    from kdiag.tui.picker import PickerApp  # noqa: PLC0415 - the screen is loaded only where one is wanted

    while (pid := PickerApp().run()) is not None:
        app = _watch(pid, window_s, attach, record)
        if not app.choose_again:
            return leave(app)
        record = None  # holds the first one
    return 0


def _watch(pid: int, window_s: float, attach: WayIn, record: Path | None) -> KdiagApp:
    from kdiag.tui.run import show  # noqa: PLC0415

    return show(live(pid, window_s=window_s, attach=attach, record=record), others=True)


def leave(app: KdiagApp) -> int:
    """What stays on the terminal when the screen is gone: the last conclusion, or why there was none."""
    if app.error is not None:
        raise app.error
    if app.conclusion:
        output.write([app.conclusion])
    return app.return_value or 0


def check_terminal(instead: str) -> None:
    """See that there is one to draw on.

    Raises:
        KdiagError: `no-terminal`; `instead` is what to run there.
    """
    if sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty():
        return
    raise KdiagError(
        "no-terminal", "The screen needs a terminal, and this is none.",
        hint=f"{instead}  says the same as text, JSON or Markdown", exit_code=USAGE,
    )  # fmt: skip

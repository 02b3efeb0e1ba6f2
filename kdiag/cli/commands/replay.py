"""`kdiag replay FILE`: the screen of `kdiag PID`, over what was recorded."""

from __future__ import annotations

from pathlib import Path

import click

from kdiag.cli.commands.watch import check_terminal, leave
from kdiag.cli.parameters import Duration
from kdiag.engine.replay import replay

_EPILOG = """\b
Examples:
  kdiag diagnose 1234 --record shop.kdiag      record …
  kdiag replay shop.kdiag                      … and look at it again
  kdiag diagnose --from shop.kdiag             the same as a report
\b
Keys: space plays and pauses, , and . go one second, < and > ten seconds.
"""


@click.command("replay", epilog=_EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--window", "window_s", type=Duration(), default="30s", show_default=True, help="Judge the last so many seconds."
)
def command(file: Path, window_s: float) -> int:
    """Look again at what --record has kept, at any moment of it and at any speed.

    FILE is a recording. Each moment is judged anew, by the detectors of this version.
    """
    feed = replay(file, window_s=window_s)
    check_terminal(f"kdiag diagnose --from {file}")
    from kdiag.tui.run import show  # noqa: PLC0415 - the screen is loaded only where one is wanted

    return leave(show(feed))

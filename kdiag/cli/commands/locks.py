"""`kdiag locks`: who waits for whom in a running process now, and the circles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import exit_codes, output
from kdiag.cli.parameters import Duration, attach_option, output_option, record_option, target_options
from kdiag.core.report import waits
from kdiag.engine.beside import recorded
from kdiag.engine.targets import find_pid
from kdiag.engine.waiting import waiting

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag locks 1234
  kdiag locks 1234 --for 5s                  who has waited all that time?
  kdiag locks 1234 --for 5s --record shop.kdiag   and keep all that a diagnosis reads
  kdiag locks --port 8000 --format json | jq '.circles'
\b
Exit codes: 0 seen, 2 usage, 3 cannot be seen, 130 interrupted; what was seen
until then is told.
"""


@click.command("locks", epilog=_EPILOG)
@target_options
@click.option("--for", "window_s", type=Duration(), default="1s", show_default=True, help="Look again for so long.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, window_s: float, form: str, attach: WayIn,
    record_file: Path | None, output_file: Path | None,
) -> int:  # fmt: skip
    """Show who waits for whom: locks and semaphores with who holds them and where they were taken, and the circles.

    Threads and asyncio's tasks are told alike; so are waits for a thread's or a task's end, and for results that a
    pool's worker or a coroutine has to bring. `kdiag diagnose` says whether a circle is a deadlock.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    number = find_pid(pid, name, port)
    with recorded(number, record_file, window_s=window_s, way=attach):
        seen = waiting(number, attach, window_s, all_tasks=False)
    found = waits.Waits(seen.target, seen.samples, seen.lines)
    if form == "json":
        output.write([json.dumps(waits.to_json(found), indent=2)], output_file)
    else:
        output.write(waits.render(found, output.style(output_file), output.width()), output_file)
    return exit_codes.INTERRUPTED if seen.interrupted else exit_codes.HEALTHY_EXIT

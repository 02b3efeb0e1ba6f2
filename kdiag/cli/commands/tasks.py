"""`kdiag tasks`: asyncio's tasks of a running process now, as a tree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import exit_codes, output
from kdiag.cli.parameters import attach_option, output_option, target_options
from kdiag.core.report import tasks
from kdiag.core.report.waits import Waits
from kdiag.engine.targets import find_pid
from kdiag.engine.waiting import waiting

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag tasks 1234
  kdiag tasks 1234 --stacks                  all frames of their coroutines
  kdiag tasks 1234 --format json | jq '.tasks[] | select(.orphan == "orphan")'
  kdiag tasks --port 8000 --format json | jq '.tasks[] | select(.wait.kind == "lock")'
\b
Exit codes: 0 seen, 2 usage, 3 cannot be seen.
"""


@click.command("tasks", epilog=_EPILOG)
@target_options
@click.option("--stacks", is_flag=True, help="All frames of the coroutines, innermost first.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, stacks: bool, form: str, attach: WayIn,
    output_file: Path | None,
) -> int:  # fmt: skip
    """Show the tasks of all asyncio loops: what each waits for, who can end that, and below it the tasks it awaits.

    Alike tasks are told together. At most 2,000 are looked at. Of those that wait it is proven, by counting references,
    which nobody awaits or holds (start and forget), which only a cancellation can end, and which are orphans: both, so
    that the collector will destroy them.
    """
    output.check_writable(output_file)
    seen = waiting(find_pid(pid, name, port), attach, 0.0, all_tasks=True)
    tree = tasks.Tree(Waits(seen.target, seen.samples, seen.lines))
    if form == "json":
        output.write([json.dumps(tasks.to_json(tree), indent=2)], output_file)
    else:
        output.write(tasks.render(tree, output.style(output_file), output.width(), stacks=stacks), output_file)
    return exit_codes.INTERRUPTED if seen.interrupted else exit_codes.HEALTHY_EXIT

"""`kdiag pools`: the thread pools of a running process now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import diagnostics, output
from kdiag.cli.parameters import attach_option, output_option, target_options
from kdiag.core.report import pools
from kdiag.engine.look import look
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag pools 1234
  kdiag pools --port 8000 --format json | jq '.[] | select(.queued > 0)'
\b
Exit codes: 0 seen, 2 usage, 3 cannot be seen.
"""


@click.command("pools", epilog=_EPILOG)
@target_options
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, form: str, attach: WayIn, output_file: Path | None
) -> None:
    """Show the pools of threads of a running process: size, busy workers and where they sit, and what is queued.

    Known are those of concurrent.futures (asyncio's default executor and gunicorn's gthread workers among them), anyio,
    waitress, and multiprocessing's ThreadPool. It is one look: `kdiag diagnose` says whether a pool is exhausted.
    """
    output.check_writable(output_file)
    if attach == "none":
        raise KdiagError(
            "usage", "Pools are seen from inside only, so --attach none cannot be.", hint="kdiag stacks PID",
            exit_code=USAGE,
        )  # fmt: skip
    seen = look(find_pid(pid, name, port), attach)
    for problem in seen.limitations:
        diagnostics.warning(problem)
    if seen.method == "none":
        raise KdiagError("no-probe", "Pools are seen from inside only, and no way in is open.", hint="kdiag doctor PID")
    if form == "json":
        output.write([json.dumps(pools.to_json(seen.pools, seen.sample), indent=2)], output_file)
        return
    output.write(pools.render(seen.pools, seen.sample, output.style(output_file), output.width()), output_file)

"""`kdiag pools`: the pools of a running process now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import diagnostics, exit_codes, output
from kdiag.cli.parameters import Duration, attach_option, output_option, record_option, target_options
from kdiag.core.report import pools
from kdiag.engine.beside import recorded
from kdiag.engine.look import look
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag pools 1234
  kdiag pools 1234 --for 10s
  kdiag pools 1234 --for 10s --record shop.kdiag
  kdiag pools --port 8000 --format json | jq '.[] | select(.queued > 0)'
\b
Exit codes: 0 seen, 2 usage, 3 cannot be seen, 130 interrupted; what was seen
until then is told.
"""


@click.command("pools", epilog=_EPILOG)
@target_options
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--for", "span_s", type=Duration(), default="1s", show_default=True,
    help="How long to watch for what changes: growth of queues, tasks done, what does not move.",
)  # fmt: skip
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, form: str, span_s: float, attach: WayIn,
    record_file: Path | None, output_file: Path | None,
) -> int:  # fmt: skip
    """Show the pools of a running process: their size, who works and who waits, since when, and at which line.

    Pools of threads (concurrent.futures with asyncio's default executor and gunicorn's gthread, anyio, waitress,
    multiprocessing, dramatiq), of processes (concurrent.futures, multiprocessing, Celery, RQ), and of connections
    (SQLAlchemy, urllib3 and requests, httpx, aiohttp). Packages add more: see docs/pools.md. `kdiag diagnose` says
    whether a pool is exhausted.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    if attach == "none":
        raise KdiagError(
            "usage", "Pools are seen from inside only, so --attach none cannot be.", hint="kdiag stacks PID",
            exit_code=USAGE,
        )  # fmt: skip
    number = find_pid(pid, name, port)
    with recorded(number, record_file, window_s=span_s, way=attach):
        seen = look(number, attach, span_s)
    for problem in seen.limitations:
        diagnostics.warning(problem)
    if seen.method == "none":
        raise KdiagError("no-probe", "Pools are seen from inside only, and no way in is open.", hint="kdiag doctor PID")
    watched = pools.Watched(seen.pools, seen.pools_before, seen.span_s, seen.still, seen.sample)
    if form == "json":
        output.write([json.dumps(pools.to_json(watched), indent=2)], output_file)
    else:
        output.write(pools.render(watched, output.style(output_file), output.width()), output_file)
    return exit_codes.INTERRUPTED if seen.interrupted else exit_codes.HEALTHY_EXIT

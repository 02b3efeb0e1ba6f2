"""`kdiag guard`: watch a dict of a running process, or find out which of its dicts to watch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kdiag.cli import diagnostics, exit_codes, output
from kdiag.cli.parameters import Duration, Pid, attach_option, output_option, record_option
from kdiag.core.report import guard
from kdiag.engine.beside import recorded
from kdiag.engine.guarding import guarding
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.guarding import Guarded
    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag guard 1234 shop.metrics:REGISTRY
  kdiag guard 1234 shop.metrics:REGISTRY shop.web:Server.sessions --for 30s
  kdiag guard 1234 --scan                      which dicts do several threads write to?
  kdiag guard 1234 --scan --record shop.kdiag  and keep all that a diagnosis reads
  kdiag guard --port 8000 shop.web:app.state.cache --format json
\b
Exit codes: 0 no conflict, 1 conflicts, 2 no such name, 3 cannot be watched,
4 nothing was written meanwhile.
"""


class PidOrName(Pid):
    """A process id, or already the first "module:NAME" where the process is given by an option."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the name as it is."""
        return value if isinstance(value, str) and ":" in value else super().convert(value, param, ctx)


@click.command("guard", epilog=_EPILOG)
@click.argument("pid", type=PidOrName(), required=False)
@click.argument("names", metavar="[module:NAME]...", nargs=-1)
@click.option("--name", metavar="PATTERN", help="The process whose command line matches (regex).")
@click.option("--port", type=click.IntRange(1, 65535), help="The process that listens on this TCP port.")
@click.option("--for", "window_s", type=Duration(), default="10s", show_default=True, help="Watch so long.")
@click.option("--scan", is_flag=True, help="Look at all dicts that are global variables or attributes of classes.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
@output_option
def command(
    pid: int | str | None, names: tuple[str, ...], name: str | None, port: int | None, window_s: float, scan: bool,
    form: str, attach: WayIn, record_file: Path | None, output_file: Path | None,
) -> int:  # fmt: skip
    """Watch dicts, sets or deques of a running process by their names, also before anything was raised.

    Each write to a dict is seen with its thread and its place (Python 3.12 and later), nothing is replaced in the
    process, and reads cost nothing. Told are loops that were broken off, updates that were lost, and writes of several
    threads without a lock in common. Names are those of the running process: module:NAME, also with attributes.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    number = None if isinstance(pid, str) else pid
    names = (pid, *names) if isinstance(pid, str) else names
    if scan == bool(names):
        raise _usage("Name what to watch, or use --scan, not both." if scan else "Name what to watch, or use --scan.")
    watch = guarding(find_pid(number, name, port), names, window_s=window_s, way=attach)
    record = recorded(watch.facts.pid, record_file, window_s=window_s, way=attach)
    with record, diagnostics.progress(f"Watching process {watch.facts.pid} for {window_s:g} s") as show:
        seen = watch.run(show)
    output.write(_rendered(seen, form, output_file), output_file)
    diagnostics.cut_short(seen.lost)
    return _exit_code(seen)


def _rendered(seen: Guarded, form: str, file: Path | None) -> Any:
    account, scanned, duration_s = seen.account, seen.scanned, seen.duration_s
    if form == "json":
        told = guard.to_json(account, pid=seen.facts.pid, scanned=scanned, duration_s=duration_s)
        return [json.dumps(told | {"lost": seen.lost or None}, indent=2)]
    return guard.render(account, output.style(file), output.width(), scanned=scanned, duration_s=duration_s)


def _exit_code(seen: Guarded) -> int:
    if seen.interrupted:
        return exit_codes.INTERRUPTED
    if any(conflict.kind not in guard.HARMLESS for conflict in seen.account.conflicts):
        return exit_codes.FINDINGS
    unwritten = not any(each.writes or each.threads for each in seen.account.watched)
    too_little = seen.lost or (unwritten and not seen.scanned)
    return exit_codes.INCONCLUSIVE_EXIT if too_little else exit_codes.HEALTHY_EXIT


def _usage(message: str) -> KdiagError:
    return KdiagError("usage", message, hint="kdiag guard PID module:NAME, or kdiag guard PID --scan", exit_code=USAGE)

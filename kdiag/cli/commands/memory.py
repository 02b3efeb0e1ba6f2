"""`kdiag memory`: what grows in a running process, who keeps it, and on request which lines allocate it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import diagnostics, exit_codes, output
from kdiag.cli.parameters import Duration, attach_option, output_option, record_option, target_options
from kdiag.core.report import memory
from kdiag.engine.beside import recorded
from kdiag.engine.growing import MemoryTotal, growing
from kdiag.engine.targets import find_pid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.core.report.style import Style
    from kdiag.engine.growing import Growing, Moment
    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag memory 1234                          the types and the containers that grow
  kdiag memory 1234 --for 1m                 slower leaks, larger services
  kdiag memory 1234 --trace-allocations 5s   and the lines that allocate what stays
  kdiag memory 1234 --record shop.kdiag      and keep all that a diagnosis reads
  kdiag memory --port 8000 --format json
\b
Exit codes: 0 seen, 2 usage, 3 cannot be watched, 130 interrupted; what was
seen until then is told.
"""


@click.command("memory", epilog=_EPILOG)
@target_options
@click.option("--for", "window_s", type=Duration(), default="10s", show_default=True, help="Watch so long.")
@click.option(
    "--trace-allocations",
    "trace_s",
    type=Duration(),
    metavar="DURATION",
    help="Trace allocations for so long at most (tracemalloc): each costs ten times as much meanwhile.",
)
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, window_s: float, trace_s: float | None, form: str,
    attach: WayIn, record_file: Path | None, output_file: Path | None,
) -> int:  # fmt: skip
    """Show what grows in a running process: the types of its objects, and the containers that keep them by name.

    Objects are counted from outside; containers are looked at from inside in turns of three milliseconds, from the
    service's modules, classes, closures and local variables downwards. Nothing is changed. Only --trace-allocations
    makes every allocation ten to twenty times as dear while it lasts; it is switched off when its time is over, when
    there is enough to tell, and when kdiag ends, however it ends.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    number = find_pid(pid, name, port)
    watch = growing(number, window_s=window_s, way=attach, trace_s=trace_s or 0.0)
    seen: list[MemoryTotal] = []  # stays empty when nobody reads to the end
    lines = _data(watch, seen) if form == "json" else _lines(watch, seen, output.style(output_file))
    with recorded(number, record_file, window_s=window_s, way=attach):
        output.write(lines, output_file)
    for total in seen:
        diagnostics.cut_short(total.lost)
    return exit_codes.INTERRUPTED if any(total.interrupted for total in seen) else exit_codes.HEALTHY_EXIT


def _lines(watch: Growing, seen: list[MemoryTotal], style: Style) -> Iterator[str]:
    yield memory.heading(style)
    for event in watch.run():
        if isinstance(event, MemoryTotal):
            seen.append(event)
            yield ""
            yield from memory.render(event.growth, event.keepers, event.allocations, style, output.width())
        else:
            yield memory.row(event.elapsed_s, event.rss, event.blocks, event.objects)


def _data(watch: Growing, seen: list[MemoryTotal]) -> Iterator[str]:
    seen += [event for event in watch.run() if isinstance(event, MemoryTotal)]
    (total,) = seen
    told = {
        "pid": total.facts.pid, "duration_s": round(total.last.elapsed_s, 3), "interrupted": total.interrupted,
        "lost": total.lost or None,
        "before": _moment(total.first), "after": _moment(total.last),
    }  # fmt: skip
    yield json.dumps(told | memory.to_json(total.growth, total.keepers, total.allocations), indent=2)


def _moment(moment: Moment) -> dict[str, int | None]:
    return {"rss_bytes": moment.rss, "blocks": moment.blocks, "objects": moment.objects}

"""`kdiag profile`: where a process spends its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kdiag.cli import diagnostics, exit_codes, output
from kdiag.cli.parameters import Duration, output_option, record_option, target_options
from kdiag.core.report import flamegraph, pprof, profile
from kdiag.engine.beside import recorded as recorded_beside
from kdiag.engine.profiling import FASTEST_HZ, ProfileOptions, profiling
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kdiag.core.profile import Profile

_EPILOG = """\b
Examples:
  kdiag profile 1234                                  the hottest functions, as a table
  kdiag profile 1234 -f flamegraph -o profile.svg     open it in a browser
  kdiag profile --port 8000 --idle -f speedscope -o profile.json
  kdiag profile 1234 -f pprof -o profile.pb.gz        for go tool pprof and others that read it
  kdiag profile 1234 --record shop.kdiag              and keep all that a diagnosis reads
  kdiag profile 1234 -f collapsed | head
"""
_FORMATS = ("table", "collapsed", "speedscope", "flamegraph", "pprof")


@click.command("profile", epilog=_EPILOG)
@target_options
@click.option("--for", "window_s", type=Duration(), default="10s", show_default=True, help="Record so long.")
@click.option("--rate", type=click.IntRange(1, 1000), help=f"Looks a second  [default: up to {FASTEST_HZ}, by threads]")
@click.option("--gil", is_flag=True, help="Only threads that hold the GIL.")
@click.option("--idle", is_flag=True, help="Threads that wait, too: where a stuck service stands.")
@click.option("--native", is_flag=True, help="Frames of C code, too. This stops the target for every look.")
@click.option("-f", "--format", "form", type=click.Choice(_FORMATS), default="table", show_default=True)
@record_option
@output_option
def command(
    pid: int | None,
    name: str | None,
    port: int | None,
    window_s: float,
    rate: int | None,
    gil: bool,
    idle: bool,
    native: bool,
    form: str,
    record_file: Path | None,
    output_file: Path | None,
) -> int:
    """Record where a process spends its time, without stopping it (but see --native).

    PID is the process to record. Ctrl-C ends the recording and keeps what was seen.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    if form == "pprof" and output_file is None and output.terminal_width() is not None:
        raise KdiagError(
            "usage", "pprof's format is no text for a terminal.", hint="kdiag profile PID -f pprof -o profile.pb.gz",
            exit_code=USAGE,
        )  # fmt: skip
    recording = profiling(find_pid(pid, name, port), ProfileOptions(window_s, rate, gil, idle, native))
    title = f"process {recording.facts.pid}"
    beside = recorded_beside(recording.facts.pid, record_file, window_s=window_s, way="none")
    with beside, diagnostics.progress(f"Recording {title} at {recording.rate_hz} Hz for {window_s:g} s") as show:
        recorded = recording.run(show)
    if form == "pprof":
        output.write_bytes(pprof.render(recorded), output_file)
    else:
        output.write(_rendered(recorded, form, f"kdiag profile of {title}", output_file), output_file)
    return exit_codes.INTERRUPTED if recording.interrupted else exit_codes.HEALTHY_EXIT


def _rendered(recorded: Profile, form: str, title: str, file: Path | None) -> Iterator[str]:
    match form:
        case "collapsed":
            return profile.collapsed(recorded)
        case "speedscope":
            return profile.speedscope(recorded, title)
        case "flamegraph":
            return flamegraph.render(recorded, title)
        case _:
            return profile.top(recorded, output.style(file), output.width())

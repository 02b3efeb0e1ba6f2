"""`kdiag gc`: what the garbage collector of a running process does, live, and what a change of it would do."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from kdiag.cli import diagnostics, exit_codes, output
from kdiag.cli.parameters import Duration, attach_option, output_option, record_option, target_options
from kdiag.core.report import collector, native_code
from kdiag.engine.beside import recorded
from kdiag.engine.collecting import Change, CollectorTotal, Settings, Stretch, Trace, Tried, collecting, undo
from kdiag.engine.targets import find_pid
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kdiag.core.report.style import Style
    from kdiag.engine.collecting import Collecting
    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag gc 1234                              a line each second, then who makes it work
  kdiag gc 1234 --trace                      a line for each collection
  kdiag gc 1234 --native                     and in which C functions the time goes
  kdiag gc --port 8000 --for 1m --format json
  kdiag gc 1234 --try gc.freeze              would that help? asks first, and takes it back
  kdiag gc 1234 --try gc.threshold=50000,20,20 --keep
  kdiag gc 1234 --record shop.kdiag          and keep all that a diagnosis reads: kdiag replay
  kdiag gc 1234 --undo                       take back what was kept
\b
Exit codes: 0 seen, 2 usage, 3 cannot be watched, 130 interrupted; what was
seen until then is told.
"""
_THRESHOLDS = re.compile(r"gc\.threshold=(\d{1,10}(?:,\d{1,10}){0,2})")
_LARGEST = 2**31 - 1


class ChangeOption(click.ParamType[Change]):
    """A change that can be tried: "gc.freeze", or "gc.threshold=" and one to three numbers."""

    name = "change"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Change:
        """The change of its text.

        Raises:
            KdiagError: `bad-change`.
        """
        if value == "gc.freeze":
            return Change()
        match = _THRESHOLDS.fullmatch(value)
        numbers = tuple(map(int, match[1].split(","))) if match else ()
        if not numbers or max(numbers) > _LARGEST:
            raise KdiagError(
                "bad-change", f"{value!r} cannot be tried.", hint="--try gc.freeze, or --try gc.threshold=50000,20,20",
                exit_code=USAGE,
            )  # fmt: skip
        return Change(numbers)


@click.command("gc", epilog=_EPILOG)
@target_options
@click.option("--for", "window_s", type=Duration(), default="10s", show_default=True, help="Watch so long.")
@click.option("--trace", is_flag=True, help="A line for each collection, with the place that started it.")
@click.option("--native", is_flag=True, help="The functions of C code that it computes in, too. Nothing is stopped.")
@click.option(
    "--try",
    "change",
    type=ChangeOption(),
    metavar="CHANGE",
    help="Watch, change the process (gc.freeze, or gc.threshold=N[,N[,N]]), and watch as long again.",
)
@click.option("--keep", is_flag=True, help="Leave what was tried as it is; else it is taken back.")
@click.option("--yes", is_flag=True, help="Do not ask before the process is changed.")
@click.option("--undo", "take_back", is_flag=True, help="Take back what was tried and kept.")
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(default="auto", help_="How to get inside; see `kdiag doctor PID`.")
@record_option
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, window_s: float, trace: bool, native: bool,
    change: Change | None, keep: bool, yes: bool, take_back: bool, form: str, attach: WayIn,
    record_file: Path | None, output_file: Path | None,
) -> int:  # fmt: skip
    """Show what the garbage collector of a running process does: its share of the time, its pauses, who starts it.

    Told are the cyclic collector's runs by generation, exactly and from inside; then how long they took, and the
    lines whose allocations started them, or that asked for them by hand. Nothing is changed but what --try names,
    after a question; it is taken back when the time is over, and when kdiag ends, however it ends.
    """
    output.check_writable(output_file)
    output.check_writable(record_file)
    if take_back:
        _check_alone({"--try": change, "--keep": keep, "--trace": trace, "--native": native, "--record": record_file})
        return _undo(find_pid(pid, name, port), attach, form, output_file)
    if change is None and keep:
        raise KdiagError("usage", "There is nothing to keep without --try.", hint="kdiag gc --help", exit_code=USAGE)
    number = find_pid(pid, name, port)
    if change is not None:
        change = Change(change.thresholds, keep)
        _confirm(number, change, yes=yes)
    watch = collecting(number, window_s=window_s, way=attach, trace=trace, change=change, native=native)
    seen: list[CollectorTotal] = []  # stays empty when nobody reads to the end
    lines = _data(watch, seen) if form == "json" else _lines(watch, seen, output.style(output_file))
    with recorded(number, record_file, window_s=window_s, way=attach):
        output.write(lines, output_file)
    for total in seen:
        diagnostics.cut_short(total.lost)
    return exit_codes.INTERRUPTED if any(total.interrupted for total in seen) else exit_codes.HEALTHY_EXIT


def _check_alone(others: Mapping[str, object]) -> None:
    """Nothing is watched or tried by --undo: what asks for it would be lost without a word.

    Raises:
        KdiagError: `usage`.
    """
    given = ", ".join(option for option, value in others.items() if value)
    if given:
        raise KdiagError(
            "usage", f"--undo only takes back what was kept, so {given} cannot be.", hint="kdiag gc PID --undo",
            exit_code=USAGE,
        )  # fmt: skip


def _undo(pid: int, attach: WayIn, form: str, file: Path | None) -> int:
    done = undo(pid, attach)
    words = "It was taken back." if done else "Nothing was tried and kept in this process: nothing to take back."
    output.write([json.dumps({"pid": pid, "undone": done}) if form == "json" else words], file)
    return exit_codes.HEALTHY_EXIT


def _confirm(pid: int, change: Change, *, yes: bool) -> None:
    """Ask whether the process may be changed.

    Raises:
        KdiagError: `not-confirmed`.
    """
    if yes:
        return
    what = f"process {pid} will be changed: {change.words}" + (", and left so" if change.keep else ", for a time")
    if not sys.stdin.isatty():
        raise KdiagError("not-confirmed", f"{what[0].upper()}{what[1:]}.", hint="Confirm with --yes.", exit_code=USAGE)
    if not click.confirm(f"{what[0].upper()}{what[1:]}. Go on?", err=True):
        raise KdiagError("not-confirmed", "Nothing was changed.", exit_code=USAGE)


def _lines(watch: Collecting, seen: list[CollectorTotal], style: Style) -> Iterator[str]:
    if not watch.trace:
        yield collector.heading(style)
    for event in watch.run():
        match event:
            case Trace():
                if event.missed:
                    yield collector.missed(event.missed)
                yield from map(collector.traced, event.collections)
            case Stretch() if not watch.trace:
                yield collector.row(event.account, event.elapsed_s)
            case CollectorTotal():
                seen.append(event)
                yield ""
                yield from collector.render(event.account, style, output.width())
                yield ""
                yield from collector.types(event.churn, event.growth, style, output.width())
                if event.native is not None:
                    yield ""
                    yield from native_code.render(event.native, output.width())
                if watch.change is not None and not event.interrupted and not event.lost:
                    yield from ("", f"Now with {watch.change.words}:")
            case Tried():
                seen.append(event.after)
                yield ""
                yield from collector.compared(event.before.account, event.after.account)
                yield from ("", _outcome(event))


def _outcome(tried: Tried) -> str:
    if tried.undone:
        before, left = Settings.of(tried.before.account), tried.left
        again = f", and the collector is set as before: {left.words}" if left == before else ""
        return f"{tried.change.words} was taken back{again}."
    if tried.after.lost:
        return f"{tried.change.words} ended with the probe or its process."
    return f"{tried.change.words} was kept. To take it back: kdiag gc {tried.after.facts.pid} --undo"


def _data(watch: Collecting, seen: list[CollectorTotal]) -> Iterator[str]:
    traced: list[dict[str, Any]] = []
    missed, told = 0, {}
    for event in watch.run():
        match event:
            case Trace():
                traced += map(collector.trace_to_json, event.collections)
                missed += event.missed
            case CollectorTotal():
                seen.append(event)
                told = _total(event)
            case Tried():
                seen.append(event.after)
                told |= {"tried": event.change.words, "undone": event.undone, "after": _total(event.after)}
    yield json.dumps(told | ({"trace": traced, "missed": missed} if watch.trace else {}), indent=2)


def _total(total: CollectorTotal) -> dict[str, Any]:
    told = collector.to_json(total.account, pid=total.facts.pid, interrupted=total.interrupted)
    told["lost"] = total.lost or None
    told["types"] = collector.types_to_json(total.churn, total.growth)
    return told | ({"native": native_code.to_json(total.native)} if total.native is not None else {})

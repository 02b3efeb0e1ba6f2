"""The list of processes: sick ones first, filtered as one types, the choice stays where it is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kdiag.attach.process import read_facts
from kdiag.engine.inventory import Living, Rounds, Row
from kdiag.machinery.clock import FakeClock
from kdiag.sources.processes import ProcessRow
from kdiag.tui.picker import PickerApp
from kdiag.tui.present.processes import processes, short
from kdiag.tui.present.table import line
from kdiag.tui.widgets.table import Table
from tests.support.screens import press

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot


def living(pid: int, *command: str, alarms: tuple[str, ...] = (), cpu: float = 0.0) -> Living:
    """A process of the list, made of this one's facts."""
    facts = replace(read_facts(_own()), pid=pid, command=command)
    return Living(Row(ProcessRow(facts, 0.0, 1.0, cpu, 1 << 20, 3), "stacks", 60.0), cpu, alarms)


def _own() -> int:
    return int(Path("/proc/self").readlink().name)


class Given(Rounds):
    """Rounds that see what the test says."""

    def __init__(self, *seen: Living) -> None:
        super().__init__()
        self.seen = list(seen)

    def look(self) -> list[Living]:
        return self.seen


def picking(rounds: Rounds, test: Callable[[PickerApp, Pilot[int | None]], Awaitable[None]]) -> int | None:
    async def run() -> int | None:
        app = PickerApp(rounds)
        async with app.run_test(size=(100, 24)) as pilot:
            async with asyncio.timeout(40):
                while not shown(app):
                    await pilot.pause(0.01)
            await test(app, pilot)
        return app.return_value

    return asyncio.run(run())


def shown(app: PickerApp) -> list[str]:
    """The PIDs of the list, from above."""
    return [row[2:].split()[0] for row in app.query_one(Table).plain.splitlines()[1:]]


SHOP = living(101, "python", "shop.py", alarms=("busy",), cpu=99.0)
BLOG = living(202, "python", "blog.py")
MAIL = living(303, "gunicorn", "mail:app")


def test_it_is_filtered_as_one_types_and_enter_chooses() -> None:
    async def test(app: PickerApp, pilot: Pilot[int | None]) -> None:
        assert shown(app) == ["101", "202", "303"]
        await press(pilot, *"python")
        assert shown(app) == ["101", "202"]
        await press(pilot, "down", "enter")

    assert picking(Given(SHOP, BLOG, MAIL), test) == 202


def test_words_are_looked_for_in_every_column() -> None:
    async def test(app: PickerApp, pilot: Pilot[int | None]) -> None:
        await press(pilot, *"busy 99")
        assert shown(app) == ["101"]
        await press(pilot, "escape")
        assert len(shown(app)) == 3
        await press(pilot, "escape")

    assert picking(Given(SHOP, BLOG, MAIL), test) is None


def test_the_choice_stays_with_its_process_whatever_comes_above_it() -> None:
    async def test(app: PickerApp, pilot: Pilot[int | None]) -> None:
        await press(pilot, "down")
        rounds.seen = [MAIL, SHOP, BLOG]  # from the next round on, should one be due
        app.post_message(PickerApp.Looked(rounds.seen))
        async with asyncio.timeout(40):
            while shown(app) != ["303", "101", "202"]:
                await pilot.pause(0.01)
        await press(pilot, "enter")

    rounds = Given(SHOP, BLOG, MAIL)
    assert picking(rounds, test) == 202


def test_enter_without_a_match_says_so() -> None:
    async def test(app: PickerApp, pilot: Pilot[int | None]) -> None:
        await press(pilot, *"zzz", "enter")
        assert any("No process matches" in note.message for note in app._notifications)

    assert picking(Given(SHOP), test) is None


def test_the_command_is_seen_on_a_narrow_screen_whatever_looks_sick() -> None:
    service = living(404, "/srv/shop/.venv/bin/python3.11", "-X", "dev", "-m", "shop.worker", "--queue", "mail",
                     alarms=("busy", "memory grows", "threads grow"))  # fmt: skip
    narrow, wide = (processes([service], width, "shop.worker") for width in (77, 197))
    assert "shop.worker" in line(narrow.columns, narrow.rows[0]).plain
    told = line(wide.columns, wide.rows[0]).plain
    assert "busy, memory grows, threads grow" in told
    assert "/srv/shop/.venv/bin/python3.11 -X dev -m shop.worker --queue mail" in told
    assert short(("/venv/bin/python", "/venv/bin/gunicorn", "shop:app")) == "gunicorn shop:app"
    assert short(("python", "-c", "pass")) == "-c pass"
    assert short(("python",)) == "python"


def test_rounds_compare_each_process_with_the_last_look() -> None:
    clock = FakeClock()
    rounds = Rounds(clock)
    waits = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()  # it reads no more files: that would be an alarm, too, where the disk is slow
            ((_, row),) = _until_listed(rounds, process.pid)
            key = row.facts.pid, row.started_at
            # As if it had been idle, small and alone ten seconds ago.
            rounds._before[key] = replace(row, cpu_s=row.cpu_s - 10.0, rss=row.rss - (1 << 21), threads=row.threads - 9)
            clock.step(10.0)

            now = next(each for each in rounds.look() if each.row.process.facts.pid == process.pid)
            assert now.alarms == ("busy", "memory grows", "threads grow")
            assert now.cpu_percent >= 100.0
        finally:
            process.kill()


def _until_listed(rounds: Rounds, pid: int) -> list[tuple[tuple[int, float], ProcessRow]]:
    """The process among those of the last look, once it has become Python."""
    found: list[tuple[tuple[int, float], ProcessRow]] = []
    while not found:
        rounds.look()
        found = [(key, row) for key, row in rounds._before.items() if key[0] == pid]
    return found


def test_a_command_line_cannot_act_on_the_terminal() -> None:
    *_, command = living(7, "python", "shop.py", "\x1b]0;owned\x07", "two\nlines").row.cells()
    assert command == "python shop.py \\x1b]0;owned\\x07 two lines"

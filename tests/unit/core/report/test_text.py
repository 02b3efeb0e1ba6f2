"""The report as it is read in a terminal, to the letter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.model import Cost, Evidence, Place, Report, Target
from kdiag.core.report import text
from kdiag.core.report.style import COLOUR, PLAIN

from . import samples


def read(report: Report, width: int = 80) -> str:
    return "\n".join(text.render(report, PLAIN, width)) + "\n"


def test_one_finding() -> None:
    assert (
        read(samples.one_finding())
        == """\
CRITICAL 61 % of the time goes to the garbage collector
  pid 4711 (python -m app --port 8000), Python 3.11.7, started
  2026-03-01T02:59:12+00:00

  gc-pressure, critical, confidence 99 %
  The collector ran in 5,978 of 9,800 looks; full collections take up to 210 ms
  each.

  Where
    /srv/app/churn.py:7  Churner.churn  [thread churner]
        self.children.append(Node(self))

  How it is known
    metric                value  threshold  95 % between  samples  source
    gc.share               61 %  10 %       55 to 67 %      9,800  memory
    gc.pause_max         210 ms  100 ms                     9,800  memory
    gc.collections.full   4.2/s                                 2  memory

  What to do
    1. Find the code that creates the objects, and make it create fewer.
       Begin at /srv/app/churn.py:7 (Churner.churn). Collections start where
       containers are created, so the frames on top of the profile while the
       collector runs are those that allocate. Reuse buffers, avoid objects that
       refer to each other both ways (parent and child, callbacks bound to
       self), or break the cycle with weakref.
         kdiag gc 4711

    2. Freeze what stays alive for good. Risk to the service: low.
       After start-up, when modules, caches and configuration are loaded, call
       gc.collect() and then gc.freeze() once, before the service forks or
       serves. Frozen objects are never visited again, so each full collection
       has less to do.
         kdiag gc 4711 --try gc.freeze

    3. Collect less often. Risk to the service: low.
       Raise the first threshold at start-up with gc.set_threshold(50_000, 20,
       20) and measure again. Memory may rise a little, since cycles wait longer
       to be freed.
         kdiag gc 4711 --try gc.threshold=50000,20,20

    4. Remove explicit calls of gc.collect().
       A full collection on every request or in every loop is a common cause;
       look for the call in the service and in its libraries' hooks.
         grep -rn 'gc.collect' --include='*.py' .

  Why it hurts
    CPython looks for reference cycles whenever enough containers have been
    created, and a full collection visits every container that is alive. Code
    that creates containers faster than it lets them go, or a large heap that
    stays alive, makes it do this over and over. While it collects, no other
    Python code of the process runs: requests wait, and the CPU looks busy
    although little work gets done.

  Symptoms that this explains
    cpu-hot-loop: Churner.churn is in 77 % of the running stacks

What was looked at
  time     10.0 s from 2026-03-01T03:10:00+00:00
  access   stacks (threads and their frames, from outside)
  samples  50 stacks (5/s), 20 process, 9,800 collector (980/s), 2 missed
  cost     target never paused, our code in it used 0.4 % of a core; kdiag used
           3.1 % of a core
  vitals   process.cpu 99.5 %, process.threads 4
"""
    )


def test_a_narrow_terminal_gets_the_numbers_below_each_other() -> None:
    shown = read(samples.one_finding(), 60)
    assert (
        """\
  How it is known
    metric                value  threshold
    gc.share               61 %  10 %
      55 to 67 % (95 %), 9,800 samples from memory
    gc.pause_max         210 ms  100 ms
      9,800 samples from memory
    gc.collections.full   4.2/s
      2 samples from memory
"""
        in shown
    )


def test_numbers_out_of_all_proportion_wrap() -> None:
    huge = (
        Evidence("pool.waiting_per_worker", -1e15, "bytes/min", 3, "test", threshold=1e16),
        Evidence("x", 1, "count", 3, "test"),
    )
    finding = replace(samples.gc_finding(), evidence=huge)
    assert """\
  How it is known
    pool.waiting_per_worker -909 TiB/min,
      threshold 9,095 TiB/min
      3 samples from test
    x 1
      3 samples from test
""" in read(replace(samples.one_finding(), findings=(finding,)), 48)


def test_many_findings_are_numbered_below_the_verdict_of_the_first() -> None:
    shown = read(samples.many_findings())
    assert shown.startswith("CRITICAL 61 % of the time goes to the garbage collector\n")
    titles = [line for line in shown.splitlines() if line.startswith(("F1", "F2", "F3"))]
    assert titles == [
        "F1 61 % of the time goes to the garbage collector",
        "F2 2 threads wait for each other's lock (suspected)",
        "F3 Sockets to 10.0.0.7:5432 grow by 12 a minute",
    ]


def test_the_other_places_come_with_their_role_and_their_source() -> None:
    assert """\
  Other places
    holds:  /srv/app/bank.py:30  Account.transfer  [thread transfer-a]
        with self.lock:
    waits:  /srv/app/bank.py:44  Account.audit  [thread transfer-b]
""" in read(samples.many_findings())


def test_a_suspicion_is_called_one() -> None:
    assert "  deadlock, critical, suspected, confidence 90 %\n" in read(samples.many_findings())


def test_healthy_says_what_was_looked_for() -> None:
    assert (
        read(samples.healthy())
        == """\
HEALTHY Nothing wrong was seen in 10 s
  pid 4711 (python -m app --port 8000), Python 3.11.7, started
  2026-03-01T02:59:12+00:00

What was looked at
  time            10.0 s from 2026-03-01T03:10:00+00:00
  access          stacks (threads and their frames, from outside)
  samples         50 stacks (5/s), 20 process, 9,800 collector (980/s), 2 missed
  cost            target never paused, our code in it used 0.4 % of a core;
                  kdiag used 3.1 % of a core
  looked for      gc-pressure, pool-exhaustion, deadlock, lock-contention,
                  event-loop-blocked, gil-contention, cpu-hot-loop, memory-leak,
                  fd-leak, thread-leak, zombie-children
  not looked for  nil-dereference, dict-mutation, unhandled-crash
"""
    )


def test_inconclusive_says_what_is_missing_and_does_not_claim_to_have_looked_for_it() -> None:
    shown = read(samples.inconclusive())
    assert shown.startswith("INCONCLUSIVE Too little was seen in 800 ms to say what is wrong\n")
    assert (
        """\
What could not be told
  - gc-pressure: the collector was looked at for 0.8 s only
    Observe for 10 s or more.
  - memory-leak: a slope needs 30 s
    Add --for 60s.
"""
        in shown
    )
    looked_for = shown.partition("looked for")[2].partition("not looked for")[0]
    assert "deadlock" in looked_for
    assert "gc-pressure" not in looked_for
    assert "memory-leak" not in looked_for


def test_an_ended_target_is_told() -> None:
    assert read(samples.ended()).endswith("""\

What could not be seen
  - The process ended after 3.2 s; the report covers the time until then.
""")


def test_without_access_the_verdict_is_qualified_and_the_remedy_is_named() -> None:
    shown = read(samples.no_access())
    assert shown.startswith("HEALTHY Nothing wrong was seen in 10 s without a look at its threads\n  pid 4711, started")
    assert "  access          process (what the operating system tells)\n" in shown
    assert "looked for      memory-leak, fd-leak, thread-leak, zombie-children\n" in shown
    assert "    Run kdiag as that user or as root: sudo kdiag diagnose 4711\n" in shown


def test_children_come_worst_first_below_a_summary() -> None:
    shown = read(samples.children())
    assert shown.startswith("""\
CRITICAL 61 % of the time goes to the garbage collector (pid 4713, the worst of
  3 processes)

   PID  VERDICT      SEVERITY
  4713  gc-pressure  critical
  4711  healthy      -
  4712  healthy      -

CRITICAL 61 % of the time goes to the garbage collector
  pid 4713 (gunicorn: worker [app]), Python 3.11.7, started
  2026-03-01T02:59:12+00:00
""")
    assert shown.count("What was looked at") == 1


def test_all_children_healthy() -> None:
    report = replace(samples.healthy(), children=(samples.healthy(),))
    assert read(report).startswith("HEALTHY Nothing wrong was seen in 10 s (pid 4711, the worst of 2 processes)\n")


def test_a_pause_of_the_target_is_admitted() -> None:
    seen = replace(samples.OBSERVATION, cost=Cost(12.4, 1.0, 2.0))
    said = read(replace(samples.healthy(), observation=seen))
    assert "target paused for 12.4 ms at most, our code in it used 1 %" in said


def test_a_long_path_stays_whole_on_a_line_of_its_own() -> None:
    file = "/srv/" + "very-long-folder-name/" * 4 + "module.py"
    finding = replace(samples.gc_finding(), culprit=Place(file, 7, "Churner.churn", "churner"))
    shown = read(replace(samples.one_finding(), findings=(finding,)), 60)
    assert f"\n    {file}:7\n      Churner.churn\n      [thread churner]\n" in shown


def test_a_special_build_is_named() -> None:
    target = Target(pid=1, started_at="", command=(), python="3.13.0", build="free-threaded")
    assert "\n  pid 1, Python 3.13.0 (free-threaded)\n" in read(replace(samples.healthy(), target=target))


@pytest.mark.parametrize("name", samples.ALL)
def test_plain_text_has_no_escapes_and_paint_ends_on_each_line(name: str) -> None:
    assert "\x1b" not in read(samples.ALL[name])
    for line in text.render(samples.ALL[name], COLOUR, 80):
        assert line.count("\x1b[0m") * 2 == line.count("\x1b[")


def test_the_first_line_is_painted_by_severity() -> None:
    first = next(text.render(samples.one_finding(), COLOUR, 80))
    assert first.startswith("\x1b[1;31mCRITICAL\x1b[0m\x1b[1m 61 %")
    assert next(text.render(samples.healthy(), COLOUR, 80)).startswith("\x1b[1;32mHEALTHY\x1b[0m")

"""What `kdiag pools` shows of pools of every sort."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.model import Frame, Leak, ProbedPool, StackSample, ThreadSample
from kdiag.core.report.pools import Watched, render, to_json
from kdiag.core.report.style import Style

ASK, HOLD, PUT = (
    Frame("/srv/app.py", 40, "order"),
    Frame("/srv/app.py", 60, "report"),
    Frame("/srv/app.py", 31, "begin"),
)
THREADS = tuple(ThreadSample(100 + n, n, f"t-{n}", (HOLD if n < 3 else ASK,)) for n in range(1, 6))
SAMPLE = StackSample(10.0, THREADS, tool="py-spy")
WORKERS = ProbedPool(
    "concurrent.futures", "jobs", 4, 7, (1, 2, 3), (3,), (), id=1, first=5, done=12,
)  # fmt: skip
LENT = ProbedPool(
    "sqlalchemy", "sqlite", 3, 3, (), (), (4,), id=2, lends="connection", taken=3, waiting=(3, 4, 5), holding=(1, 4),
    leaks=(Leak(1, "Exports.open", PUT),), waited_s=4.25, tasks=(("waits", 2, (ASK,)),),
)  # fmt: skip
OTHERS = ProbedPool("celery", "", 8, 0, (), (), (), id=3, taken=2, done=40, counted=True, runs=(PUT,))
WATCHED = Watched(
    (WORKERS, LENT, OTHERS), (replace(WORKERS, queued=5, done=2), LENT, replace(OTHERS, done=20)), 2.0,
    frozenset({1, 3, 4}), SAMPLE,
)  # fmt: skip


def test_the_text() -> None:
    assert (
        "\n".join(render(WATCHED, Style(), 100))
        == """\
POOL    LIBRARY             SIZE  BUSY  IDLE  QUEUED  CHANGE  DONE/S   OLDEST
jobs    concurrent.futures     4     2     1       7      +2     ≥ 5        -
sqlite  sqlalchemy             3     3     0       3      +0       -  ≥ 4.2 s
-       celery                 8     2     6       0      +0      10        -

jobs: 2 of 3 workers are busy
  2 × app.py:60 report, 1 of them for ≥ 2.0 s

sqlite: 3 of 3 connections are out
  1 × have it at app.py:60 report, for ≥ 2.0 s
  1 × have it at app.py:40 order, for ≥ 2.0 s
  1 × kept in Exports.open, put there at app.py:31 begin
  3 × wait at app.py:40 order, 2 of them for ≥ 2.0 s
  2 tasks × wait at app.py:40 order
  1 of them has a connection already: a nested wait.

celery: 2 of 8 workers are busy
  1 × app.py:31 begin runs there"""
    )


def test_one_look_knows_no_change() -> None:
    (line,) = [
        each for each in render(Watched((WORKERS,), (), 0.0, frozenset(), SAMPLE), Style(), 100) if "jobs " in each
    ]
    assert line.split()[-4:] == ["7", "-", "-", "-"]


def test_the_data() -> None:
    jobs, lent, others = to_json(WATCHED)
    assert (jobs["queue_change"], jobs["done_per_s"], jobs["done_is_counted"]) == (2, 5.0, False)
    assert [(each["thread"], each["there_s"]) for each in jobs["workers"]] == [
        ("t-1", 2.0),
        ("t-2", None),
        ("t-3", 2.0),
    ]
    assert (lent["lends"], lent["busy"], lent["oldest_waits_s"]) == ("connection", 3, 4.25)
    assert lent["kept"][0]["filled_at"]["line"] == 31
    assert (others["busy"], others["runs"][0]["function"]) == (2, "begin")


def test_nothing_to_show() -> None:
    (line,) = render(Watched((), (), 0.0, frozenset(), SAMPLE), Style(), 100)
    assert line.startswith("No pool was seen")

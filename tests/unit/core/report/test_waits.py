"""What `kdiag locks` and `kdiag tasks` show of looks that were made by hand."""

from __future__ import annotations

from dataclasses import replace

from kdiag.core.model import Frame, ProbedTask, ProbedThread, Target, WaitsSample
from kdiag.core.report import tasks, waits
from kdiag.core.report.style import PLAIN
from tests.support.inside import awaits
from tests.support.inside import waits as waiting
from tests.support.windows import APP, EVENT_WAIT, app

TARGET = Target(4711, "2024-01-01T00:00:00+00:00", ("python", "main.py"))
CROSSED = (
    waiting(1, "shipping", app(12, "ship"), lock=20, owner=2, what="app.ledger", held_at=app(20, "take_back")),
    waiting(
        2, "returns", app(22, "take_back"), lock=10, owner=1, what="app.stock", held_at=app(10, "ship"), sure=False
    ),
    waiting(3, "late-1", app(30, "late"), lock=10, owner=1, what="app.stock", held_at=app(10, "ship")),
    waiting(4, "late-2", app(30, "late"), lock=10, owner=1, what="app.stock", held_at=app(10, "ship")),
    waiting(5, "MainThread", *EVENT_WAIT, app(90, "main"), lock=30, owner=0, kind="event"),
    waiting(6, "stuck", app(70, "stuck"), lock=40, owner=0, what="app.unknown"),
)


def seen(*samples: WaitsSample) -> waits.Waits:
    return waits.Waits(TARGET, samples, {})


def look(at: float, threads: tuple[ProbedThread, ...] = (), tasks_seen: tuple[ProbedTask, ...] = ()) -> WaitsSample:
    return WaitsSample(at, threads, tasks_seen, len(tasks_seen))


def test_locks_as_text() -> None:
    found = seen(look(0.0, CROSSED), look(1.0, CROSSED))
    assert list(waits.render(found, PLAIN, 100)) == [
        "2 looks over 1.0 s: 5 wait for somebody, or for what somebody holds; 1 waits for work, for events or",
        "for a time.",
        "",
        "CIRCLE 2 threads wait for each other in a circle: 'shipping' waits for app.ledger at app.py:12;",
        "  'returns' waits for app.stock at app.py:22",
        f"  waits:  {APP}:12  ship  [shipping]",
        f"  holds:  {APP}:20  take_back  [returns]",
        f"  waits:  {APP}:22  take_back  [returns]",
        f"  holds:  {APP}:10  ship  [shipping]",
        "  Nobody in it moved for 1.0 s. It is proven after 3 s: kdiag diagnose 4711",
        "",
        "lock app.stock, most likely held by shipping",
        f"  taken at  {APP}:10  ship",
        "  1 waits: returns, for 1.0 s or longer",
        f"    {APP}:22  take_back",
        "  2 wait: late-1, late-2, for 1.0 s or longer",
        f"    {APP}:30  late",
        "",
        "lock app.ledger, held by returns",
        f"  taken at  {APP}:20  take_back",
        "  1 waits: shipping, for 1.0 s or longer",
        f"    {APP}:12  ship",
        "",
        "lock app.unknown: who holds it is not known",
        "  1 waits: stuck",
        f"    {APP}:70  stuck",
    ]


def test_what_has_moved_meanwhile_is_no_circle() -> None:
    moved = (waiting(1, "shipping", app(13, "ship"), lock=21, owner=2, what="app.other"), *CROSSED[1:])
    assert waits.to_json(seen(look(0.0, moved), look(1.0, CROSSED)))["circles"] == []


def test_locks_as_data() -> None:
    data = waits.to_json(seen(look(0.0, CROSSED), look(1.0, CROSSED)))
    assert (data["schema"], data["looks"], data["span_s"], data["others"]) == ("kdiag.locks/v1", 2, 1.0, 1)
    assert data["waits"][1] == {
        "thread": "returns", "task": None, "kind": "lock", "name": "app.stock",
        "at": {"file": APP, "line": 22, "function": "take_back"}, "ended_by": ["shipping"], "sure": False,
        "held_at": {"file": APP, "line": 10, "function": "ship"}, "still_s": 1.0,
    }  # fmt: skip
    assert [place["who"] for place in data["circles"][0]["places"]] == ["shipping", "returns", "returns", "shipping"]


def test_every_way_to_end_a_wait_has_its_words() -> None:
    found = seen(look(0.0, CROSSED, (awaits(100, "cook", app(40, "cook")),)))
    heads = {
        "the result answer, which returns has to bring": waiting(9, "", kind="future", what="answer", lock=1, owner=2),
        "a result, which stands in the queue of shipping, returns": waiting(
            9, "", kind="future", lock=1, owner=0, workers=(1, 2)
        ),
        "app.worker to end: returns": waiting(9, "", kind="thread", what="app.worker", lock=1, owner=2),
        "lock app.lock, held by task cook": waiting(9, "", what="app.lock", lock=1, owner=0, tasks=(100,)),
        "lock app.lock, held by another thread": waiting(9, "", what="app.lock", lock=1, owner=77, kind="rlock"),
    }
    assert {waits.head_of(each.wait, found) for each in heads.values() if each.wait} == set(heads)


MAIN = Frame(APP, 90, "main")
TASKS = (
    awaits(1, "main", MAIN, thread=5, kind="tasks", tasks=(2, 3)),
    awaits(2, "cook", app(40, "cook"), thread=5, lock=60, what="Kitchen.oven", tasks=(3,), held_at=app(50, "serve")),
    ProbedTask(3, "serve", 5, (app(52, "serve"),), None, "ready"),
    *(awaits(number, f"idle-{number}", app(60, "idle"), thread=5, kind="sleep") for number in range(10, 22)),
    ProbedTask(30, "busy", 6, (app(70, "stuck"),), None, "running"),
    replace(awaits(40, "lost", app(80, "lost"), thread=5, kind="event", what="event"), orphan="orphan"),
    awaits(31, "again", app(61, "again"), thread=0, kind="task", tasks=(32,)),
    awaits(32, "and again", app(62, "again"), thread=0, kind="task", tasks=(31,)),
)


def test_tasks_as_a_tree() -> None:
    tree = tasks.Tree(seen(look(0.0, CROSSED, TASKS)))
    lines = list(tasks.render(tree, PLAIN, 100, stacks=False))
    assert lines[0] == "19 tasks: 16 in the loop of MainThread, 2 in loops that do not run, 1 in the loop of stuck."
    assert lines[lines.index("") :][0] == ""
    text = "\n".join(lines)
    assert "main: waits for 2 tasks\n" in text
    assert (
        f"  cook: waits for lock Kitchen.oven, held by task serve\n      {APP}:40  cook\n  serve: is about to run\n"
    ) in text
    assert (
        "12 tasks (idle-10, idle-11, idle-12, idle-13, idle-14, idle-15, idle-16, idle-17 and 4 more): sleeps\n"
    ) in text
    assert "busy: runs, and its thread waits for lock app.unknown: who holds it is not known\n" in text
    assert "lost: waits for event event (orphan: nobody can end this, and nobody holds it)\n" in text
    assert "again: waits for a task\n" in text
    assert "    again: see above" in text


def test_the_frames_of_tasks_and_none() -> None:
    deep = awaits(1, "deep", app(1, "inner"), app(2, "outer"), kind="queue", what="app.jobs")
    lines = list(tasks.render(tasks.Tree(seen(look(0.0, (), (deep,)))), PLAIN, 100, stacks=True))
    assert lines[-3:] == ["deep: waits for queue app.jobs", f"    {APP}:1  inner", f"    {APP}:2  outer"]
    empty = tasks.Tree(seen(look(0.0)))
    assert list(tasks.render(empty, PLAIN, 100, stacks=False)) == ["No task of asyncio's was seen."]


def test_tasks_as_data() -> None:
    data = tasks.to_json(tasks.Tree(seen(look(0.0, CROSSED, TASKS))))
    assert (data["schema"], data["in_all"], len(data["tasks"])) == ("kdiag.tasks/v1", 19, 19)
    by_name = {task["name"]: task for task in data["tasks"]}
    assert by_name["main"]["awaits"] == [by_name["cook"]["number"], by_name["serve"]["number"]]
    assert (by_name["cook"]["loop"], by_name["cook"]["state"]) == ("MainThread", "waiting")
    assert by_name["cook"]["wait"]["ended_by"] == ["task serve"]
    assert by_name["serve"]["wait"] is None
    assert {name: task["orphan"] for name, task in by_name.items() if task["orphan"]} == {"lost": "orphan"}
    assert by_name["cook"]["frames"] == [{"file": APP, "line": 40, "function": "cook"}]

"""What the probe sees of the pools of real libraries: full, waited for, kept by a leak, and at work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
from tests.support.probed import until
from tests.support.targets import start_target
from tests.targets.truth import culprit_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.targets import Target

RQ_WORKER = """
import time

import fakeredis
import rq
from tests.targets._ready import ready

broker = fakeredis.FakeStrictRedis()
queue = rq.Queue("mails", connection=broker)
for seconds in (0, 0, 600):
    queue.enqueue(time.sleep, seconds)
ready()
rq.SimpleWorker([queue], connection=broker, name="mailer").work(logging_level="WARNING")
"""
LENDERS = {"sqlalchemy", "psycopg", "urllib3", "httpcore", "aiohttp"}
PROCESSES = {"concurrent.futures.process", "multiprocessing.pool"}


@contextlib.contextmanager
def looking(script: str | Path, *arguments: str) -> Iterator[tuple[Target, Callable[[], dict[str, Any]]]]:
    """A target, and a look at its threads and pools with names in place of idents."""
    with start_target(script, *arguments, timeout=60.0) as target:
        attachment = attach(read_facts(target.pid))
        attachment.channel.request("start", 30.0, sensors=["threads"])

        def look() -> dict[str, Any]:
            seen: dict[str, Any] = attachment.channel.request("read", sensors={"threads": 0})["threads"]
            names = {each["ident"]: each["name"].rpartition("-")[0] for each in seen["threads"]}
            for pool in seen["pools"]:
                for key in ("workers", "idle", "nested", "waiting", "holding"):
                    pool[key] = [names[ident] for ident in pool[key]]
            return seen

        try:
            yield target, look
        finally:
            attachment.close()


def test_full_pools_are_seen_with_who_waits_and_who_has_what_they_lend() -> None:
    seen: dict[str, Any] = {}

    def full() -> bool:
        seen.update(look())
        found = {pool["kind"] for pool in seen["pools"] if pool["queued"]}
        lent = [pool["taken"] + pool["queued"] for pool in seen["pools"] if pool["lends"]]
        other = [pool["taken"] + pool["queued"] for pool in seen["pools"] if pool["kind"] in PROCESSES]
        return found >= LENDERS | PROCESSES | {"dramatiq", "celery"} and lent == [6] * 9 and sorted(other) == [6, 8]

    with looking("pools_of_every_kind") as (target, look):
        until(full, "not all pools are full", within_s=90.0)
        text = target.script.read_text().splitlines()
    again = next(number for number, line in enumerate(text, 1) if "await function()" in line)
    assert seen["failed"] == []
    pools = {pool["waiting"][0] if pool["waiting"] else pool["kind"]: pool for pool in seen["pools"]}
    for name in ("by_sqlalchemy", "by_psycopg", "by_urllib3", "by_requests", "by_httpx"):
        pool = pools[name]
        assert (pool["lends"], pool["size"], pool["taken"], pool["queued"]) == ("connection", 2, 2, 4), pool
        assert (pool["waiting"], pool["holding"]) == ([name] * 4, [name] * 2), pool
        assert pool["kept"] is None, "all that is out is in use"
    assert pools["by_sqlalchemy"]["waited_s"] > 0
    assert len(pools["by_sqlalchemy"]["out"]) == 2
    for name, queued in (("concurrent.futures.process", 6), ("by_multiprocessing", 4)):
        assert (pools[name]["size"], pools[name]["taken"], pools[name]["queued"]) == (2, 2, queued), pools[name]
    assert [text[line - 1].split("(")[0] for _, line, _ in pools["concurrent.futures.process"]["runs"]] == [
        "def crunch", "def crunch",
    ]  # fmt: skip
    for name, lines in (("aiohttp", 1), ("httpcore", 1), ("sqlalchemy", 2), ("psycopg", 2)):  # what tasks wait for
        pool = pools[name]
        assert (pool["size"], pool["taken"], pool["queued"]) == (2, 2, 4), pool
        assert [(role, count) for role, count, _ in pool["tasks"]] == [("waits", 4), ("holds", 2)], pool
        own = {line for _, _, frames in pool["tasks"] for file, line, _ in frames if file == str(target.script)}
        assert len(own - {again}) == lines, pool
        assert pool["kept"] is None, "all that is out is in use"
    assert (len(pools["aiohttp"]["out"]), len(pools["sqlalchemy"]["out"])) == (2, 2)
    jobs = pools["celery"]
    assert (jobs["size"], jobs["taken"], jobs["queued"] >= 1, jobs["done"]) == (2, 2, True, 2), jobs
    assert {text[line - 1] for _, line, _ in jobs["runs"]} == {"def linger() -> None:"}
    mail = pools["dramatiq"]
    assert (len(mail["workers"]), mail["idle"], mail["queued"] >= 1) == (2, [], True)


def test_pools_at_work_go_on() -> None:
    first: dict[int, dict[str, Any]] = {}
    moved: set[str] = set()

    def all_go_on() -> bool:
        for pool in look()["pools"]:
            before = first.setdefault(pool["id"], pool)
            if pool["counted"] and pool["done"] > before["done"]:
                moved.add(pool["kind"])
            if pool["out"] and not set(pool["out"]) & set(before["out"]):  # what tells that others have it now
                moved.add(f"{pool['kind']} {pool['lends']}")
        return moved >= {"concurrent.futures.process", "celery", "aiohttp connection", "sqlalchemy connection"}

    with looking("pools_of_every_kind", "busy") as (_, look):
        until(all_go_on, "they stand still", within_s=90.0)


def test_leaks_are_named_by_what_keeps_them_and_the_line_that_puts_them_there() -> None:
    pools: list[Any] = []

    def found() -> bool:
        pools[:] = look()["pools"]
        return sum(pool["kept"] is not None for pool in pools) == 2

    with looking("connection_leaks") as (target, look):
        until(found, "nobody searched", within_s=90.0)
    lines = culprit_names(target.script)
    kept = {pool["kind"]: pool["kept"] for pool in pools if pool["kept"]}
    for kind, name, number in (("sqlalchemy", "Exports.unfinished", 3), ("aiohttp", "Downloads.begun", 2)):
        ((count, keeper, (file, line, _)),) = kept[kind]["by"]
        assert (count, keeper, kept[kind]["complete"]) == (number, name, True)
        assert (file, line) == (str(target.script), lines[keeper.partition(".")[0].lower()])
    assert next(pool["name"] for pool in pools if pool["kind"] == "aiohttp").startswith("127.0.0.1:"), "limited by host"
    (asyncs,) = (pool for pool in pools if not pool["kept"])
    (held,) = ([count, frames] for role, count, frames in asyncs["tasks"] if role == "holds")
    assert (held[0], held[1][1][1]) == (2, lines["report"])


def test_an_rq_worker_is_a_pool_of_one(tmp_path: Path) -> None:
    pools: list[Any] = []

    def busy() -> bool:
        pools[:] = look()["pools"]
        return bool(pools) and pools[0]["done"] == 2 and not pools[0]["idle"]

    script = tmp_path / "rq_worker.py"
    script.write_text(RQ_WORKER)
    with looking(script) as (_, look):
        until(busy, "it does not work", within_s=90.0)
    ((kind, name, size, counted),) = {(pool["kind"], pool["name"], pool["size"], pool["counted"]) for pool in pools}
    assert (kind, name, size, counted) == ("rq", "mailer", 1, True)

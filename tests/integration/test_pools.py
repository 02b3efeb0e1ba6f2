"""What the probe sees of the pools of real libraries: full, waited for, kept by a leak, and at work."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
from tests.support.probed import until
from tests.support.targets import start_target
from tests.targets.truth import culprit_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.targets import Target

LENDERS = {"sqlalchemy", "urllib3", "httpcore", "aiohttp"}
PROCESSES = {"concurrent.futures.process", "multiprocessing.pool"}
PROCESSES = {"concurrent.futures.process", "multiprocessing.pool"}


@contextlib.contextmanager
def looking(script: str, *arguments: str) -> Iterator[tuple[Target, Callable[[], dict[str, Any]]]]:
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
        return found >= LENDERS | PROCESSES | {"dramatiq"} and lent == [6] * 6 and sorted(other) == [6, 8]

    with looking("pools_of_every_kind") as (target, look):
        until(full, "not all pools are full", within_s=30.0)
        text = target.script.read_text().splitlines()
    assert seen["failed"] == []
    pools = {pool["waiting"][0] if pool["waiting"] else pool["kind"]: pool for pool in seen["pools"]}
    for name in ("by_sqlalchemy", "by_urllib3", "by_requests", "by_httpx"):
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
    for name in ("aiohttp", "httpcore"):  # what tasks wait for
        assert (pools[name]["size"], pools[name]["taken"], pools[name]["queued"]) == (2, 2, 4), pools[name]
    mail = pools["dramatiq"]
    assert (len(mail["workers"]), mail["idle"], mail["queued"] >= 1) == (2, [], True)


def test_pools_at_work_go_on() -> None:
    with looking("pools_of_every_kind", "busy") as (_, look):
        first = {pool["id"]: pool for pool in look()["pools"] if pool["kind"] == "concurrent.futures.process"}
        ((key, before),) = first.items()

        def more_is_done() -> bool:
            return any(pool["id"] == key and pool["done"] > before["done"] for pool in look()["pools"])

        until(more_is_done, "nothing is done", within_s=30.0)
        assert before["counted"]


def test_a_leak_is_named_by_what_keeps_it_and_the_line_that_puts_it_there() -> None:
    kept: list[Any] = []

    def found() -> bool:
        (pool,) = look()["pools"]
        kept[:] = [pool["kept"]]
        return pool["kept"] is not None

    with looking("sqlalchemy_leak") as (target, look):
        until(found, "nobody searched", within_s=30.0)
        ((count, name, (file, line, _)),) = kept[0]["by"]
        assert (count, name, kept[0]["complete"]) == (3, "Exports.unfinished", True)
        assert file.endswith("sqlalchemy_leak.py")
        assert line in culprit_lines(target.script)

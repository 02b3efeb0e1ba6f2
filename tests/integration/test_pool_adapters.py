"""Adapters for pools that other packages bring: found by their entry points, sent along, and no danger to the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.kdiag import kdiag
from tests.support.targets import start_target

if TYPE_CHECKING:
    from pathlib import Path

ADAPTER = """
KIND = "acme"
LENDS = "token"
FRAMES = {("acme.pool", "acquire"): "waits", ("acme.pool", "use"): "holds"}


def pool_of(frame, look):
    return look.local(frame, "self")


def state_of(pool, frame, look):
    own = look.own(pool)
    return {"name": own.get("name"), "size": own.get("size"), "taken": look.size(own.get("taken"))}
"""
CREWS = """
KIND = "acme.crew"
FRAMES = {
    ("acme.crew", "work"): lambda frame, inner, look: (
        "idle" if inner and look.is_in(inner[-1], "queue") else "busy"
    ),
}


def pool_of(frame, look):
    return look.local(frame, "self")


def state_of(crew, frame, look):
    own = look.own(crew)
    tasks = look.items(own.get("tasks"))
    return {
        "name": own.get("name"), "size": own.get("size"), "queued": len(tasks), "first": tasks[0] if tasks else None
    }
"""
BROKEN = """
KIND = "broken"
FRAMES = {("acme.pool", "acquire"): "waits"}


def pool_of(frame, look):
    raise LookupError


def state_of(pool, frame, look):
    return {}
"""
LIBRARY = """
import threading


class Pool:
    def __init__(self, name, size):
        self.name, self.size, self.taken = name, size, []
        self.free = threading.Condition()

    def acquire(self):
        with self.free:
            self.free.wait_for(lambda: len(self.taken) < self.size)
            self.taken.append(1)

    def use(self):
        threading.Event().wait()
"""
CREW = """
import queue
import threading


class Crew:
    def __init__(self, name, size, task, tasks):
        self.name, self.size, self.tasks = name, size, queue.Queue()
        for _ in range(tasks):
            self.tasks.put(task)
        for number in range(size):
            threading.Thread(target=self.work, name=f"{name}-{number}", daemon=True).start()

    def work(self):
        while True:
            self.tasks.get()()
"""
SERVICE = """
import threading
import time

from acme.crew import Crew
from acme.pool import Pool
from concurrent.futures import ThreadPoolExecutor
from tests.targets._ready import ready, stay, wait_until

pool = Pool("tokens", 1)
executor = ThreadPoolExecutor(1, thread_name_prefix="jobs")


def has():
    pool.acquire()
    pool.use()


def wants():
    pool.acquire()


for name, function in (("has", has), ("wants-1", wants), ("wants-2", wants)):
    threading.Thread(target=function, name=name, daemon=True).start()
    wait_until(lambda: pool.taken, "it is taken")
executor.submit(threading.Event().wait)
never = threading.Event()


def send():
    never.wait()  # CULPRIT


def sort():
    time.sleep(0.1)


crews = [Crew("mails", 2, send, 9), Crew("prints", 2, send, 1), Crew("letters", 2, sort, 900)]
wait_until(lambda: crews[0].tasks.qsize() == 7, "all of a crew work")
ready()
stay()
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder in which a library and a package with adapters for it are installed."""
    for package in ("acme", "acme_kdiag"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError\n" if package == "acme_kdiag" else "")
    (tmp_path / "acme" / "pool.py").write_text(LIBRARY)
    (tmp_path / "acme" / "crew.py").write_text(CREW)
    (tmp_path / "acme_kdiag" / "tokens.py").write_text(ADAPTER)
    (tmp_path / "acme_kdiag" / "broken.py").write_text(BROKEN)
    (tmp_path / "acme_kdiag" / "crews.py").write_text(CREWS)
    (tmp_path / "service.py").write_text(SERVICE)
    facts = tmp_path / "acme_kdiag-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-kdiag\nVersion: 1.0\n")
    entries = [f"acme.{name}" for name in (
        "pool = acme_kdiag.tokens", "pool = acme_kdiag.broken", "crew = acme_kdiag.crews", "other = acme_kdiag.gone"
    )]  # fmt: skip
    (facts / "entry_points.txt").write_text("\n".join(["[kdiag.pools]", *entries, ""]))
    return tmp_path


def test_pools_of_others_are_seen_and_a_failing_adapter_costs_its_own_only(site: Path) -> None:
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    with start_target(site / "service.py", env={"PYTHONPATH": str(site)}) as target:
        ran = kdiag("pools", target.pid, "--format", "json", env={"PYTHONPATH": path})
        own = kdiag("pools", target.pid, "--format", "json").json
        # The whole time: of two pools that are stuck the graver one is told once both are known to be.
        report = kdiag("diagnose", target.pid, "--full", "--format", "json", env={"PYTHONPATH": path}).json
    pools = {pool["library"]: pool for pool in ran.json if pool["library"] != "acme.crew"}
    tokens = pools["acme"]
    assert (tokens["name"], tokens["lends"], tokens["size"], tokens["busy"]) == ("tokens", "token", 1, 1)
    assert [each["thread"] for each in tokens["holding"]] == ["has"]
    assert sorted(each["thread"] for each in tokens["waiting"]) == ["wants-1", "wants-2"]
    assert (pools["concurrent.futures"]["name"], pools["concurrent.futures"]["busy"]) == ("jobs", 1)
    assert "The adapter acme_kdiag_broken for pools failed: LookupError in pool_of." in ran.err
    assert "no source that could be read: acme_kdiag_gone." in ran.err
    assert [pool["library"] for pool in own] == ["concurrent.futures"]
    crews = {pool["name"]: (pool["size"], pool["busy"]) for pool in ran.json if pool["library"] == "acme.crew"}
    assert (crews["mails"], crews["prints"], len(crews)) == ((2, 2), (2, 1), 3)
    (finding,) = report["findings"]
    line = next(number for number, text in enumerate(SERVICE.splitlines(), 1) if "CULPRIT" in text)
    title, summary = finding["title"], finding["summary"]
    assert (report["verdict"], finding["severity"]) == ("pool-exhaustion", "critical")
    assert title.startswith(f"All 2 workers of acme.crew's pool 'mails' have sat at service.py:{line} for the "), title
    assert title.endswith(" while 7 more tasks stand in its queue"), title
    assert "prints" not in summary, "one of its workers is idle"
    assert "letters" not in summary, "its workers go on"

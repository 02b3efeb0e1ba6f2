"""Whose code a frame is, and who is to blame: the deepest frame of the user's own code."""

from __future__ import annotations

import pytest

from kdiag.core.frames import Ownership, Tier, library_function, located
from kdiag.core.model import Frame, LineFacts
from tests.support.windows import APP, BOOT, SITE, STDLIB, Life, app, lines, scene, stuck

LIBRARY = Frame(f"{SITE}/requests/api.py", 59, "request")
STANDARD = Frame(f"{STDLIB}/socket.py", 705, "SocketIO.readinto")
SERVER = Frame(f"{SITE}/gunicorn/workers/sync.py", 180, "SyncWorker.handle")
SCRIPT = Frame("/srv/venv/bin/gunicorn", 8, "<module>")


@pytest.mark.parametrize(
    ("frame", "tier"),
    [
        (app(1), Tier.OWN),
        (Frame("<string>", 1, "<module>"), Tier.OWN),
        (Frame("worker.py", 3, "run"), Tier.OWN),
        (Frame("/home/me/bin/report.py", 3, "<module>"), Tier.OWN),
        (LIBRARY, Tier.LIBRARY),
        (Frame("/usr/lib/python3/dist-packages/yaml/__init__.py", 1, "load"), Tier.LIBRARY),
        (STANDARD, Tier.STANDARD),
        (Frame("/usr/lib64/python3.13/json/decoder.py", 1, "decode"), Tier.STANDARD),
        (Frame("/opt/py/lib/python3.14t/threading.py", 1, "run"), Tier.STANDARD),
        (Frame("/usr/lib/python311.zip/json/decoder.py", 1, "decode"), Tier.STANDARD),
        (Frame("<string>", 2, "__init__"), Tier.STANDARD),
        (SERVER, Tier.LAUNCHER),
        (SCRIPT, Tier.LAUNCHER),
        (Frame("<frozen runpy>", 88, "_run_code"), Tier.LAUNCHER),
        (Frame(f"{STDLIB}/runpy.py", 88, "_run_code"), Tier.LAUNCHER),
        (Frame("libc.so.6", 0, "poll", native=True), Tier.LAUNCHER),
    ],
)
def test_whose_code_a_frame_is(frame: Frame, tier: Tier) -> None:
    assert Ownership.of(scene(stuck("t", app(1)))).tier(frame) is tier


def test_the_culprit_is_the_deepest_own_frame() -> None:
    ownership = Ownership.of(scene(stuck("t", app(1))))
    frames = (STANDARD, LIBRARY, app(41), app(12, "route"), SERVER, SCRIPT)
    assert ownership.culprit(frames) == app(41)
    assert ownership.own(frames) == app(41)


@pytest.mark.parametrize(
    ("frames", "culprit"),
    [((STANDARD, LIBRARY, SERVER), LIBRARY), ((STANDARD, SERVER), STANDARD), ((SERVER, SCRIPT), SERVER), ((), None)],
)
def test_without_own_code_the_next_best_is_blamed(frames: tuple[Frame, ...], culprit: Frame | None) -> None:
    assert Ownership.of(scene(stuck("t", app(1)))).culprit(frames) == culprit


def test_a_program_installed_into_site_packages_is_own_code() -> None:
    main = Frame(f"{SITE}/shop/__main__.py", 3, "<module>")
    ownership = Ownership.of(scene(Life("MainThread", (main, Frame("<frozen runpy>", 88, "_run_code")), main=True)))
    assert ownership.tier(Frame(f"{SITE}/shop/orders.py", 7, "take")) is Tier.OWN
    assert ownership.tier(LIBRARY) is Tier.LIBRARY


def test_a_server_as_the_main_module_makes_nothing_own() -> None:
    main = Frame(f"{SITE}/uvicorn/__main__.py", 4, "<module>")
    ownership = Ownership.of(scene(Life("MainThread", (main,), main=True)))
    assert ownership.tier(main) is Tier.LAUNCHER
    assert ownership.packages == frozenset()


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "--threads", "4", "shop.web:app"),
        ("uvicorn", "shop.web:create_app()"),
        ("python", "-m", "shop.worker"),
        ("celery", "-A", "shop.tasks", "worker"),
    ],
)
def test_what_a_server_is_told_to_serve_is_own_code(command: tuple[str, ...]) -> None:
    ownership = Ownership.of(scene(stuck("t", app(1)), command=command))
    assert ownership.tier(Frame(f"{SITE}/shop/orders.py", 7, "take")) is Tier.OWN


@pytest.mark.parametrize("word", ["127.0.0.1:8000", "http://host:80/x", "C:\\x", "a b:c"])
def test_other_words_with_a_colon_are_no_application(word: str) -> None:
    assert Ownership.of(scene(stuck("t", app(1)), command=("gunicorn", word))).packages == frozenset()


def test_a_bare_name_is_completed_from_the_source() -> None:
    facts = lines((41, LineFacts("return 1", qualname="Orders.handle")))
    ownership = Ownership.of(scene(stuck("t", app(41)), lines=facts))
    assert ownership.name(app(41)) == "Orders.handle"
    assert ownership.name(app(42)) == "handle"
    assert ownership.name(app(41, "Other.handle")) == "Other.handle"
    assert ownership.place(app(41), "t", "waits").function == "Orders.handle"


def test_where_the_stack_really_stands_is_said_when_it_is_not_the_culprit() -> None:
    ownership = Ownership.of(scene(stuck("t", app(1))))
    (place,) = ownership.innermost((STANDARD, app(41)), "t", "waits")
    assert (place.file, place.role) == (STANDARD.file, "waits")
    assert ownership.innermost((app(41), *BOOT), "t", "waits") == ()
    assert ownership.innermost((), "t", "waits") == ()


def test_library_functions_are_known_by_their_path_and_own_name() -> None:
    assert library_function(Frame(f"{STDLIB}/queue.py", 1, "Queue.get")) == ("queue.py", "get")
    assert library_function(Frame("/usr/lib/python3.9/queue.py", 1, "get")) == ("queue.py", "get")
    assert library_function(Frame("/srv/shop/queue.py", 1, "get")) == ("", "")
    assert located("<frozen importlib._bootstrap>")[0] == "frozen"
    assert located(APP) == ("free", APP)

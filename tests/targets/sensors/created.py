"""Files, sockets and threads that are made while allocations are traced: some stay, some do not; who made them."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say, sensor, without_preemption
from tests.targets.sensors._touchy import Touchy, ran

HERE = Path(__file__)
done = threading.Event()


class Own(socket.socket, metaclass=Touchy):
    __slots__ = ()  # 3.11 does not know where objects with more attributes were made

    def fileno(self) -> int:
        ran.append("fileno")
        return -1


def open_file() -> Any:
    return HERE.open()  # FILE


def connect() -> Any:
    return Own()  # SOCKET


def start() -> Any:
    thread = threading.Thread(target=done.wait, daemon=True)  # THREAD
    thread.start()
    return thread


# What leaves the youngest generation between two looks is missed: when that happens must not be chance here.
gc.disable()
without_preemption()  # a thread that has not yet come to where it stays is not known yet
before = [open_file(), connect(), start()]
allocations = sensor("allocations")
allocations.start()
allocations.trace(60.0)
kept: list[Any] = []
touched: list[str] = []


def tick() -> None:
    ran.clear()
    allocations.tick()
    touched.extend(ran)


came = 0
for _ in range(5):
    kept += [open_file(), connect(), start()]
    closed = [open_file(), socket.socket()]
    came += 1
    allocations._look_at = 0.0  # now, and not when the machine lets us
    tick()
    for each in closed:
        each.close()
allocations._until = 0.0  # the time is over, with nothing open that is to be closed
tick()
data = allocations.data(0)
allocations.stop()
module = part("sensors.created")
referrers = [each for each in gc.get_referrers(kept[0], kept[1]) if each is not kept and type(each).__name__ != "frame"]
say(data=data, touched=touched, referrers=[type(each).__name__ for each in referrers], came=came)

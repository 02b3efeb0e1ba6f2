"""Files, sockets and threads that are made while allocations are traced: some stay, some do not; who made them."""

from __future__ import annotations

import gc
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say, sensor
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
before = [open_file(), connect(), start()]
allocations = sensor("allocations")
allocations.start()
allocations.trace(1.0)
kept: list[Any] = []
came, closed = 0, []
while allocations.data(0)["state"] == "tracing":
    if came < 5:
        kept += [open_file(), connect(), start()]
        closed += [open_file(), socket.socket()]
        came += 1
    ran.clear()
    allocations.tick()
    touched = list(ran)
    if touched:
        break
    for each in closed:
        each.close()
    time.sleep(0.02)
data = allocations.data(0)
allocations.stop()
module = part("sensors.created")
referrers = [each for each in gc.get_referrers(kept[0], kept[1]) if each is not kept and type(each).__name__ != "frame"]
say(data=data, touched=touched, referrers=[type(each).__name__ for each in referrers], came=came)

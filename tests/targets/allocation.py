"""Healthy: allocates many containers, all without cycles and soon dropped, at half of a CPU."""

from __future__ import annotations

import time

from tests.targets._ready import ready


def page(number: int) -> str:
    columns = []
    for n in range(500):
        row = {"number": number, "column": n, "cells": [n, n + 1]}
        columns.append(str(row["column"]))
    return ",".join(columns)


def main() -> None:
    ready()
    number = 0
    while True:
        began = time.perf_counter()
        for _ in range(10):
            page(number)
            number += 1
        time.sleep(time.perf_counter() - began)


if __name__ == "__main__":
    main()

"""A lease on a clock that stands still until it is stepped."""

from __future__ import annotations

from kdiag.machinery.clock import FakeClock
from kdiag.probe.lease import Lease


def test_it_ends_when_it_is_not_renewed() -> None:
    clock = FakeClock()
    lease = Lease(10, clock.now)
    clock.step(9.5)
    assert not lease.expired
    assert lease.left_s == 0.5
    clock.step(0.5)
    assert lease.expired


def test_renewing_begins_it_anew() -> None:
    clock = FakeClock()
    lease = Lease(10, clock.now)
    for _ in range(5):
        clock.step(9)
        assert not lease.expired
        lease.renew()
    clock.step(10)
    assert lease.expired
    lease.renew()
    assert not lease.expired

"""What passes a `kdiag.handle_crash` of the service comes to the store behind the hooks, also when it ends there."""

from __future__ import annotations

import logging

import pytest

import kdiag
from kdiag.probe.hooks.logs import LogHook
from kdiag.probe.hooks.store import Store


@pytest.mark.usefixtures("caplog")
def test_a_crash_that_ends_in_a_handle_crash_is_told_of() -> None:
    store = Store()
    hook = LogHook(store)
    before = logging.getLogRecordFactory()
    assert hook.place()
    try:
        with kdiag.handle_crash(really_crash=False):
            raise AttributeError("'NoneType' object has no attribute 'name'")
    finally:
        hook.remove()
    store.fold()
    (group,) = store.data(0)["groups"]
    assert (group["type"], group["kind"], group["by"]) == ("AttributeError", "nil", {"logging": 1})
    assert group["loggers"] == ["kdiag.machinery.runtime"]
    assert logging.getLogRecordFactory() is before

"""Numbers that stay with an object, and do not go over to the next one in its place."""

from __future__ import annotations

import weakref

from kdiag.probe.pools.numbers import Numbers


class Loan:
    """Something that has an id, and dies."""


def test_an_object_keeps_its_number_while_it_is_asked_for_at_each_look() -> None:
    numbers, one, other = Numbers(), Loan(), Loan()
    first = numbers.of(one), numbers.of(other)
    assert first[0] != first[1]
    numbers.next_look()
    assert (numbers.of(one), numbers.of(weakref.ref(other))) == first
    for _ in range(2):
        numbers.next_look()
    assert numbers.of(one) not in first, "it was forgotten meanwhile"


def test_the_next_object_in_the_same_place_gets_another_number() -> None:
    numbers = Numbers()
    told = []
    for _ in range(50):
        told.append(numbers.of(Loan()))  # it dies at once, and the next one takes its place
        numbers.next_look()
    assert len(set(told)) == 50


def test_what_is_no_object_of_its_own() -> None:
    numbers = Numbers()
    gone = weakref.ref(Loan())
    assert (numbers.of(7), numbers.of(None), numbers.of(gone)) == (7, 0, 0)
    no_place = (1, 2)
    assert numbers.of(no_place) != numbers.of(no_place), "no weak reference can be to it"

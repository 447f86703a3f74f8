"""What best-of tries: the call as it is first, and nothing that the caller has settled is varied."""

from __future__ import annotations

from uare import prompts
from uare.candidates import candidates
from uare.options import RestoreOptions


def test_the_first_is_what_was_asked_for_and_no_two_are_alike() -> None:
    asked = RestoreOptions(best_of=7, seed=5)
    tried = candidates(asked)
    assert tried[0] == asked
    ways = [(one.seed, one.fidelity, one.instruction, one.analyse) for one in tried]
    assert len(set(ways)) == 7
    assert {one.instruction for one in tried} == {None, prompts.RESTORE}
    assert [one.seed for one in tried] == sorted(one.seed for one in tried)


def test_what_the_caller_says_is_kept() -> None:
    for one in candidates(RestoreOptions(best_of=5, fidelity=0.3, instruction="Remove the rain.")):
        assert (one.fidelity, one.instruction, one.analyse) == (0.3, "Remove the rain.", True)
    for one in candidates(RestoreOptions(best_of=5, analyse=False)):
        assert (one.instruction, one.analyse) == (None, False)
    assert [one.seed for one in candidates(RestoreOptions(best_of=3, fidelity=1.0, analyse=False))] == [
        0,
        1,
        2,
    ]


def test_one_is_the_call_itself() -> None:
    asked = RestoreOptions(seed=3, fidelity=0.2)
    assert candidates(asked) == (asked,)

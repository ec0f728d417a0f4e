"""The rule of order: an exercise needs what its lab.toml says, which comes earlier, and no more.

So whoever solves the exercises one by one gets the points of each at once, and a stub costs its own
points and those of what needs it. Not all orders are tried for that, but each exercise by itself:
as a stub where all others are solved; and solved where all are stubs that it does not need. A stub
that is reached ends the run. So a run of the second kind that comes to its end has called none, and
would have gone the same way if any of them had been solved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import pytest
from reference.project import EXERCISES, QUICK, choice_of, emulators

from nestling.grade import Grade, grade_all
from nestling.labs import Exercise
from nestling.plan import Choice, blocked_by, needs_of
from nestling.verdict import Status
from nestling.workshop import Workshop

pytestmark = emulators

# By tracks, as from one exercise to the next there is little to build.
ALONE = [(track, exercise) for track in QUICK for exercise in EXERCISES
         if exercise.track in (track, "common")]


def grade_of(workshop: Workshop, choice: Choice, exercise: Exercise,
             stubs: Collection[Exercise]) -> Grade:
    """What one exercise gets in a tree with these stubs."""
    assert not workshop.arrange(stubs).errors
    choice = dataclasses.replace(choice, exercises=(exercise,))
    blocked = blocked_by(stubs, choice.known)
    return grade_all(choice, workshop.verdicts(choice.runs(blocked)), blocked)[0]


def all_needs(exercise: Exercise, known: Collection[Exercise]) -> set[Exercise]:
    """What an exercise needs, directly or not."""
    direct = needs_of(exercise, known)
    return {*direct, *(far for near in direct for far in all_needs(near, known))}


@pytest.mark.parametrize(("track", "exercise"), ALONE, ids=str)
def test_a_stub_gets_nothing(built: Workshop, track: str, exercise: Exercise) -> None:
    grade = grade_of(built, choice_of(track, QUICK[track]), exercise, [exercise])
    assert grade.status is Status.FAILED


@pytest.mark.parametrize(("track", "exercise"), ALONE, ids=str)
def test_an_exercise_needs_no_more_than_it_says(built: Workshop, track: str, exercise: Exercise
                                                ) -> None:
    choice = choice_of(track, QUICK[track])
    needs = all_needs(exercise, choice.known)
    stubs = [other for other in choice.known if other not in needs and other != exercise]
    grade = grade_of(built, choice, exercise, stubs)
    assert grade.status is Status.PASSED, grade.hint

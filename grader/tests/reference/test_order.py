"""The rule of order: an exercise needs what its lab.toml says, which comes earlier, and no more.

So whoever solves the exercises one by one gets the points of each at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

import pytest
from reference.project import EXERCISES, QUICK, choice_of, emulators

from nestling.grade import Grade, grade_all, stub_reached
from nestling.labs import Exercise
from nestling.plan import Choice, Run, blocked_by
from nestling.verdict import Status, Verdict
from nestling.workshop import Workshop

pytestmark = emulators

STUBS = [(exercise, track) for exercise in EXERCISES for track in QUICK
         if exercise.track in (track, "common")]


def grades_of(workshop: Workshop, choice: Choice, stubs: Collection[Exercise],
              verdicts: dict[Run, Verdict]) -> dict[Exercise, Grade]:
    """The grades of a tree with these stubs; makes the runs that `verdicts` lacks."""
    assert not workshop.arrange(stubs).errors
    blocked = blocked_by(stubs, choice.known)
    missing = [run for run in choice.runs(blocked) if run not in verdicts]
    verdicts |= workshop.verdicts(missing)
    return {grade.exercise: grade for grade in grade_all(choice, verdicts, blocked)}


@pytest.mark.parametrize(("exercise", "track"), STUBS, ids=str)
def test_a_stub_costs_its_points_and_those_of_what_needs_it(
        built: Workshop, exercise: Exercise, track: str) -> None:
    """What comes before it does not reach it; the next test shows that."""
    known = choice_of(track, QUICK[track])
    later = known.exercises[known.exercises.index(exercise):]
    choice = dataclasses.replace(known, exercises=later)
    grades = grades_of(built, choice, [exercise], {})
    needing = blocked_by([exercise], choice.known)
    for other, grade in grades.items():
        if other == exercise:
            assert grade.status is Status.FAILED
        elif other in needing:
            assert grade.status in (Status.SKIPPED, Status.FAILED), other
        else:
            assert grade.status is Status.PASSED, (other, grade.hint)


@pytest.mark.parametrize("track", QUICK)
def test_each_exercise_counts_as_soon_as_it_is_solved(built: Workshop, track: str) -> None:
    choice = choice_of(track, QUICK[track])
    verdicts: dict[Run, Verdict] = {}
    for count in range(len(choice.known) + 1):
        solved, stubs = choice.known[:count], choice.known[count:]
        verdicts = lasting(verdicts, choice, solved)
        grades = grades_of(built, choice, stubs, verdicts)
        lost = {str(exercise): grades[exercise].hint for exercise in solved
                if grades[exercise].status is not Status.PASSED}
        assert not lost, f"solved up to {solved[-1]}, these get nothing: {lost}"
        early = [str(exercise) for exercise in stubs if grades[exercise].score]
        assert not early, f"stubs that get points: {', '.join(early)}"
        assert all(grade.status is not Status.ERROR for grade in grades.values())
        assert (sum(grade.score for grade in grades.values())
                == sum(exercise.points for exercise in solved))


def lasting(verdicts: Mapping[Run, Verdict], choice: Choice, solved: Collection[Exercise]
            ) -> dict[Run, Verdict]:
    """The verdicts that stay the same when the last of `solved` is no stub any more.

    A stub that is reached ends the run. So a run that went on to another end has not called it,
    and doesn't call what takes its place. Only the bug of a "repair" may have been run through.
    """
    last = [*solved][-1:]
    if any(exercise.kind == "repair" for exercise in last):
        return {}
    gone = {exercise.id for exercise in last}
    again = {run for exercise in last for run in choice.runs_of(exercise)}
    return {run: verdict for run, verdict in verdicts.items()
            if run not in again and (stub_reached(verdict) or [""])[0] not in gone}

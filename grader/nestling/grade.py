"""From verdicts on runs to grades of exercises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nestling.build import Built
from nestling.compare import Finding
from nestling.labs import Exercise
from nestling.plan import Choice, Run, needs_of
from nestling.platforms import Platform
from nestling.verdict import Status, Verdict


@dataclass(frozen=True)
class Outcome:
    """A run that an exercise depends on, and what came of it.

    `hint_name` is that of the exercise's hint, "" for advice of the grader's own.
    """

    run: Run
    verdict: Verdict
    hint: str = ""
    hint_name: str = ""


@dataclass(frozen=True)
class Grade:
    """What an exercise got, and why. `hint` is empty only for those that passed.

    What was taken from the course's release counts as done for whatever needs it, and earns
    nothing.
    """

    exercise: Exercise
    status: Status
    hint: str = ""
    outcomes: tuple[Outcome, ...] = ()
    is_taken: bool = False

    @property
    def score(self) -> int:
        return self.exercise.points if self.status is Status.PASSED and not self.is_taken else 0

    @property
    def bad(self) -> list[Outcome]:
        """The outcomes that are not a pass."""
        return [one for one in self.outcomes if one.verdict.status is not Status.PASSED]


@dataclass(frozen=True)
class Grades:
    """All that there is to report."""

    choice: Choice
    seed: int
    grades: tuple[Grade, ...]
    built: Built = field(default_factory=Built)
    assumed: tuple[Exercise, ...] = ()  # not graded: the reference's took their place

    @property
    def score(self) -> int:
        return sum(grade.score for grade in self.grades)

    @property
    def max(self) -> int:
        return sum(grade.exercise.points for grade in self.grades)

    @property
    def passed(self) -> bool:
        return all(grade.status is Status.PASSED for grade in self.grades)


def grade_all(choice: Choice, verdicts: Mapping[Run, Verdict],
              blocked: Mapping[Exercise, Exercise], taken: Collection[Exercise] = ()
              ) -> tuple[Grade, ...]:
    """The grades of the chosen exercises.

    Args:
        blocked: exercises that were not run since they need a stub, and that stub.
        taken: exercises whose solution is that of the course's release.
    """
    grades: dict[Exercise, Grade] = {}
    for exercise in choice.exercises:  # needs come first
        if exercise in blocked:
            grades[exercise] = _grade_blocked(exercise, blocked[exercise])
            continue
        lost = [need for need in needs_of(exercise, grades)
                if grades[need].status in (Status.FAILED, Status.SKIPPED)]
        outcomes = outcomes_of(choice, exercise, verdicts)
        if lost:
            was = grades[lost[0]].status.value
            grades[exercise] = Grade(exercise, Status.SKIPPED,
                                     f"it needs exercise {lost[0]}, which {_past(was)}", outcomes)
        else:
            grades[exercise] = _grade(choice, exercise, outcomes)
    return tuple(replace(grade, is_taken=True) if exercise in taken else grade
                 for exercise, grade in grades.items())


def _grade_blocked(exercise: Exercise, stub: Exercise) -> Grade:
    """The grade of an exercise that was not run because of a stub, which may be its own."""
    if exercise == stub:
        return Grade(exercise, Status.FAILED, _yours(exercise.id, exercise.funcs[0].name,
                                                     exercise.handout))
    return Grade(exercise, Status.SKIPPED, f"it needs exercise {stub}, which is a stub still")


def _yours(ident: str, what: str, handout: str) -> str:
    return f"exercise {ident} ({what}) is yours: {handout}"


def _past(status: str) -> str:
    return "was skipped" if status == Status.SKIPPED else status


def grade_unbuilt(choice: Choice, built: Built) -> tuple[Grade, ...]:
    """The grades of a tree that can't be built."""
    if built.fault:
        return tuple(Grade(exercise, Status.ERROR, built.fault) for exercise in choice.exercises)
    verdict = Verdict(Status.FAILED, tuple(Finding("compile", text) for text in built.errors))
    grades = []
    for exercise in choice.exercises:
        hint, _ = find_hint(exercise, verdict)
        grades.append(Grade(exercise, Status.FAILED, hint))
    return tuple(grades)


def outcomes_of(choice: Choice, exercise: Exercise, verdicts: Mapping[Run, Verdict]
                ) -> tuple[Outcome, ...]:
    """What came of the exercise's runs, with its hints."""
    missing = Verdict(Status.ERROR, reason="this run was never made")
    outcomes = []
    for run in choice.runs_of(exercise):
        verdict = verdicts.get(run, missing)
        outcomes.append(Outcome(run, verdict, *find_hint(exercise, verdict)))
    return tuple(outcomes)


def find_hint(exercise: Exercise, verdict: Verdict) -> tuple[str, str]:
    """What to tell the student about a run that did not pass: text, and the hint's name.

    The exercise's first hint that matches any line of evidence wins.
    """
    if verdict.status is Status.PASSED:
        return "", ""
    if verdict.status is Status.ERROR:
        return verdict.reason, ""
    if stub := stub_reached(verdict):
        return _yours(*stub), ""
    for hint in exercise.hints:
        if any(hint.match.search(line) for line in verdict.evidence):
            return " ".join(hint.text.split()), hint.name
    if verdict.findings[0].what == "compile":
        return f"the tree does not compile: {verdict.findings[0].seen}", ""
    return ("there is no special advice for this one; compare what was expected with what was "
            f"seen, and read {exercise.handout}"), ""


def stub_reached(verdict: Verdict) -> tuple[str, str, str] | None:
    """(exercise, function, handout) if the run ended at a stub."""
    for finding in verdict.findings:
        if finding.what.startswith("todo "):
            function, _, handout = finding.seen.partition(" is yours: ")
            return finding.what.removeprefix("todo "), function, handout
    return None


def _grade(choice: Choice, exercise: Exercise, outcomes: tuple[Outcome, ...]) -> Grade:
    """The grade of an exercise whose needs are all right."""
    if not outcomes:
        is_here = any(platform.probe().ok for platform in choice.platforms_of(exercise))
        return Grade(exercise, Status.ERROR if is_here else Status.SKIPPED,
                     _nowhere(choice, exercise))
    failed = [one for one in outcomes if one.verdict.status is Status.FAILED]
    foreign = [one for one in failed if _stopped_elsewhere(exercise, one.verdict)]
    if failed and failed == foreign:
        stub = stub_reached(failed[0].verdict)
        assert stub
        return Grade(exercise, Status.SKIPPED, f"it needs exercise {stub[0]} ({stub[1]}), which "
                     f"is a stub still: {stub[2]}", outcomes)
    for one in failed:
        if one not in foreign:
            return Grade(exercise, Status.FAILED, one.hint, outcomes)
    for one in outcomes:
        if one.verdict.status is Status.ERROR:
            return Grade(exercise, Status.ERROR, one.hint, outcomes)
    return Grade(exercise, Status.PASSED, "", outcomes)


def _stopped_elsewhere(exercise: Exercise, verdict: Verdict) -> bool:
    """Did the run end at the stub of another exercise?"""
    stub = stub_reached(verdict)
    return stub is not None and stub[0] != exercise.id


def _nowhere(choice: Choice, exercise: Exercise) -> str:
    """Why an exercise could not be run at all."""
    if not exercise.scenarios:
        return "labs/*/lab.toml names no scenario for it"
    reasons = [f"{platform.key}: {_why_not(choice, exercise, platform)}"
               for platform in choice.platforms_of(exercise)]
    return "no platform to run it on; " + "; ".join(reasons)


def _why_not(choice: Choice, exercise: Exercise, platform: Platform) -> str:
    """Why none of the exercise's scenarios is run on a platform."""
    if any(choice.is_for(name, platform) for name in exercise.scenarios):
        return platform.probe().reason
    keys = dict.fromkeys(key for name in exercise.scenarios for key in choice.on.get(name, ()))
    return f"its scenarios are for {', '.join(keys)} only"


def to_json(grades: Grades) -> dict[str, Any]:
    """The result for programs; grader/grade.schema.json describes it."""
    return {
        "score": grades.score,
        "max": grades.max,
        "seed": grades.seed,
        "assumed": [{"id": exercise.id, "track": exercise.track} for exercise in grades.assumed],
        "exercises": [_exercise_json(grade) for grade in grades.grades],
        "platforms": {platform.key: {"available": platform.probe().ok,
                                     "reason": platform.probe().reason,
                                     "title": platform.title}
                      for platform in grades.choice.platforms},
        "compile_errors": list(grades.built.errors),
    }


def _exercise_json(grade: Grade) -> dict[str, Any]:
    exercise = grade.exercise
    return {
        "id": exercise.id, "lab": exercise.lab, "track": exercise.track, "title": exercise.title,
        "score": grade.score, "max": exercise.points, "status": grade.status.value,
        "taken": grade.is_taken, "hint": grade.hint,
        "runs": [{"scenario": one.run.scenario, "platform": one.run.platform,
                  "model": one.run.model, "break": one.run.broken,
                  "status": one.verdict.status.value, "seconds": round(one.verdict.seconds, 3),
                  "hint": one.hint_name, "evidence": one.verdict.evidence}
                 for one in grade.outcomes],
    }

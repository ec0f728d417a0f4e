"""The labs: what labs/*/ says, checked.

Every mistake in these files is a UserError that names the file and the key.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nestling import labfile, mutants
from nestling.errors import UserError
from nestling.exercise import Break, Edit, Exercise, Func, Hint, Lab, Mutant

__all__ = ["Break", "Edit", "Exercise", "Func", "Hint", "Lab", "Mutant", "all_exercises",
           "find_exercise", "is_project", "load"]


def is_project(root: Path) -> bool:
    """Is `root` the project, with the reference solution, rather than a student's tree?"""
    return any(root.glob("labs/*/mutants"))


def load(root: Path, check_functions: bool = True) -> tuple[Lab, ...]:
    """All labs of the tree `root`, in order.

    Args:
        check_functions: also make sure that each exercise's functions are there, and that its
            stub, breaks and mutants fit. Not for a student's tree, which may be broken for good
            reasons.

    Raises:
        UserError: a file says something that makes no sense; the text names file and key.
    """
    folders = sorted(file.parent.relative_to(root).as_posix()
                     for file in root.glob(f"labs/*/{labfile.MAIN}"))
    if not folders:
        raise UserError(f"{root}: no labs here (labs/*/lab.toml); is this a Nestling tree?")
    labs = sorted((labfile.load(root, folder) for folder in folders), key=lambda lab: lab.number)
    for lab, other in zip(labs, labs[1:]):
        if lab.number == other.number:
            raise UserError(f"{other.path}/lab.toml: number {other.number} is {lab.path}'s already")
    exercises = all_exercises(labs)
    for exercise in exercises:
        labfile.check_needs(exercise, exercises)
        labfile.check_breaks(exercise, exercises)
    if check_functions:
        for exercise in exercises:
            labfile.check_functions(root, exercise)
            if is_project(root):
                labfile.check_reference(root, exercise)
        for lab in labs:
            for mutant in lab.mutants:
                mutants.check(root, mutant)
    return tuple(labs)


def all_exercises(labs: Iterable[Lab], track: str | None = None) -> tuple[Exercise, ...]:
    """The exercises of all labs, in order; with `track`, that track's and the common ones."""
    return tuple(exercise for lab in labs for exercise in lab.exercises
                 if track in (None, exercise.track) or exercise.track == "common")


def find_exercise(labs: Iterable[Lab], ident: str, track: str | None = None) -> Exercise:
    """The exercise `ident`. Raises UserError if there is none, or one on each track."""
    known = all_exercises(labs, track)
    found = [exercise for exercise in known if exercise.id == ident]
    if not found:
        ids = ", ".join(dict.fromkeys(exercise.id for exercise in known)) or "none"
        where = f" on the track {track}" if track else ""
        raise UserError(f"there is no exercise {ident}{where}; there are: {ids}")
    if len(found) > 1:
        raise UserError(f"exercise {ident} exists on both tracks; add --track amd or --track intel")
    return found[0]

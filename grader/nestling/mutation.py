"""Wrong bodies of the exercises' functions, and what the labs' scenarios make of them.

There are two sorts. A *curated* one is a mistake that people make: labs/*/mutants/ has it, and the
hint that it must bring up. A *deletion* is the reference without one statement; it must be
noticed. Those that nobody can notice, since the code means the same without, are named with their
reason in labs/NN-name/mutants/equivalent.toml (or equivalent-amd.toml, and so on):

    [[equivalent]]
    exercise = "1.4"
    track    = "amd"
    func     = "svm_init_guest"         # only needed if the exercise has several
    delete   = "c->dr6 = DR6_RESET;"    # the statement; layout and comments make no difference
    which    = 2                        # only needed if some, not all, of several alike are meant
    why      = "..."
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nestling import clex, deletion, splice, tree
from nestling.exercise import TRACKS
from nestling.grade import find_hint
from nestling.labs import Exercise, Func, Lab, Mutant, find_exercise
from nestling.mutants import EQUIVALENT
from nestling.plan import DEFAULT_ON, Choice, Run
from nestling.splice import Piece
from nestling.table import Table, read_toml
from nestling.verdict import Status, Verdict
from nestling.workshop import SEED, Workshop

CURATED = "curated"
# Whoever fails on an earlier platform needs no later one: the quick one comes first.
PLATFORMS = tuple(dict.fromkeys((*DEFAULT_ON["amd"], *DEFAULT_ON["intel"])))


@dataclass(frozen=True)
class Wrong:
    """A wrong body for a function of an exercise."""

    exercise: Exercise
    func: Func
    kind: str  # CURATED, or one of deletion.KINDS
    text: str  # the mutant's name, or what is deleted
    line: int  # of the function's file; 0 for a curated one
    piece: Piece
    hint: str = ""  # names of those that it may bring up; a deletion may have any, or none

    @property
    def place(self) -> str:
        """The function, for people."""
        return f"{self.func}:{self.line}" if self.line else str(self.func)


class Fate(StrEnum):
    """What came of a wrong body."""

    CAUGHT = "caught"
    SURVIVED = "survived"
    MISLED = "misled"  # a curated one is caught, and another hint than its own shown
    STILLBORN = "stillborn"  # a deletion doesn't compile
    ERROR = "error"  # nothing failed, and something went wrong that was not its fault


@dataclass(frozen=True)
class Trial:
    """One wrong body that was tried. `note` tells of a run, unless it SURVIVED."""

    wrong: Wrong
    fate: Fate
    note: str = ""
    hinted: bool = False  # did a hint of the exercise apply?
    seconds: float = 0.0


@dataclass(frozen=True)
class Equivalent:
    """A deletion that makes no difference, as a file says."""

    path: str
    exercise: Exercise
    func: Func
    delete: str
    which: int  # 1 for the first of several alike; 0 for all of them
    why: str

    def __str__(self) -> str:
        which = f" ({self.which})" if self.which else ""
        return f"{self.path}: exercise {self.exercise}: {' '.join(self.delete.split())}{which}"


def of_mutant(root: Path, mutant: Mutant, known: Sequence[Lab]) -> Wrong:
    """A mutant of one of the labs, for the project `root`. Raises UserError if it doesn't fit."""
    exercise = find_exercise(known, mutant.exercise, mutant.track)
    return Wrong(exercise, mutant.func, CURATED, mutant.name, 0, mutant.piece(root), mutant.hint)


def curated(root: Path, known: Sequence[Lab], exercises: Collection[Exercise]) -> list[Wrong]:
    """The labs' mutants of these exercises, for the project `root`. Raises UserError."""
    found = [of_mutant(root, mutant, known) for lab in known for mutant in lab.mutants]
    return [wrong for wrong in found if wrong.exercise in exercises]


def deletions(root: Path, exercises: Iterable[Exercise]) -> list[Wrong]:
    """The single deletions in the reference's bodies of these exercises, of kind "fill".

    `root` is the project. Raises UserError.
    """
    found = []
    for exercise in exercises:
        for func in exercise.funcs if exercise.kind == "fill" else ():
            piece = tree.take_piece(root, func)
            text = clex.read(root / func.path, func.path)
            for one in deletion.deletions(text, func.name, func.path):
                found.append(Wrong(exercise, func, one.kind, one.text, one.line,
                                   dataclasses.replace(piece, body=one.body)))
    return found


def runs_of(choice: Choice, exercise: Exercise) -> list[Run]:
    """The runs that an exercise has to pass, the quick platforms' first."""
    return sorted(choice.runs_of(exercise), key=lambda run: PLATFORMS.index(run.platform))


def try_out(workshop: Workshop, wrong: Wrong, runs: Sequence[Run], seed: int = SEED,
            quick: bool = False) -> Trial:
    """Build a wrong body and make its exercise's runs.

    For a deletion, or if it must be `quick`, only until one of them fails.

    Raises UserError if it doesn't fit into the tree, or can't be built for some other reason.
    """
    built = workshop.arrange(pieces=[(wrong.exercise, wrong.piece)])
    if built.errors:
        fate = Fate.ERROR if wrong.kind == CURATED else Fate.STILLBORN
        return Trial(wrong, fate, built.errors[0])
    verdicts: dict[Run, Verdict] = {}
    for run in runs:
        verdicts[run] = workshop.verdict(run, seed)
        if verdicts[run].status is Status.FAILED and (quick or wrong.kind != CURATED):
            break
    return _trial(wrong, verdicts)


def _trial(wrong: Wrong, verdicts: dict[Run, Verdict]) -> Trial:
    """What these verdicts mean."""
    seconds = sum(verdict.seconds for verdict in verdicts.values())
    hints = {run: find_hint(wrong.exercise, verdict)[1] for run, verdict in verdicts.items()
             if verdict.status is Status.FAILED}
    for run, hint in hints.items():
        if wrong.hint and hint not in wrong.hint.split():
            note = f"{run.name}: hint {hint or 'none'}, {verdicts[run].evidence[0]}"
            return Trial(wrong, Fate.MISLED, note, bool(hint), seconds)
    for run, verdict in verdicts.items():
        if verdict.status is Status.ERROR and (not hints or wrong.kind == CURATED):
            return Trial(wrong, Fate.ERROR, f"{run.name}: {verdict.reason}", seconds=seconds)
    for run, hint in hints.items():
        note = f"{run.name}: {verdicts[run].evidence[0]}"
        return Trial(wrong, Fate.CAUGHT, note, bool(hint), seconds)
    return Trial(wrong, Fate.SURVIVED, seconds=seconds)


def load_equivalents(root: Path, known: Sequence[Lab]) -> list[Equivalent]:
    """What all labs/*/mutants/equivalent*.toml say.

    Raises UserError, naming file and entry, for what makes no sense.
    """
    found = []
    for lab in known:
        for file in sorted((root / lab.path / "mutants").glob(EQUIVALENT)):
            path = file.relative_to(root).as_posix()
            table = read_toml(root, path)
            for number, values in enumerate(table.tables("equivalent"), 1):
                found.append(_equivalent(path, Table(f"{path}: equivalent {number}", values), lab))
            table.end()
    return found


def _equivalent(path: str, table: Table, lab: Lab) -> Equivalent:
    ident, track = table.text("exercise"), table.choice("track", TRACKS)
    exercise = next((exercise for exercise in lab.exercises
                     if (exercise.id, exercise.track) == (ident, track)), None)
    if exercise is None:
        raise table.error("exercise", f"there is no exercise {ident} ({track}) in this lab")
    name = table.text("func", exercise.funcs[0].name if len(exercise.funcs) == 1 else "")
    func = next((func for func in exercise.funcs if func.name == name), None)
    if func is None:
        names = ", ".join(func.name for func in exercise.funcs)
        raise table.error("func", f"must be one of {names}, not {name!r}")
    which = table.number("which") if "which" in table else 0
    entry = Equivalent(path, exercise, func, table.text("delete"), which, table.text("why"))
    table.end()
    return entry


@dataclass(frozen=True)
class Judged:
    """The trials in the light of what is said to be equivalent."""

    survivors: tuple[Trial, ...]  # neither caught nor listed
    equivalents: tuple[tuple[Trial, Equivalent], ...]
    stale: tuple[tuple[Equivalent, str], ...]  # listed, and why that is wrong


def judge(trials: Iterable[Trial], listed: Iterable[Equivalent]) -> Judged:
    """Sort out the survivors.

    `listed` must be about functions whose deletions were all tried.
    """
    survivors = [trial for trial in trials if trial.fate is Fate.SURVIVED]
    alike: dict[tuple[Exercise, Func, tuple[str, ...]], list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: trial.wrong.line):
        if trial.wrong.kind != CURATED:
            alike.setdefault(_key(trial.wrong.exercise, trial.wrong.func, trial.wrong.text),
                             []).append(trial)
    excused: dict[Trial, Equivalent] = {}
    stale = []
    for entry in listed:
        meant = alike.get(_key(entry.exercise, entry.func, entry.delete), [])
        meant = meant[entry.which - 1:entry.which] if entry.which else meant
        wrong = [trial for trial in meant if trial.fate is not Fate.SURVIVED]
        excused.update({trial: entry for trial in meant if trial.fate is Fate.SURVIVED})
        if not meant:
            stale.append((entry, f"{entry.func} has no such statement"))
        elif wrong:
            place, note = wrong[0].wrong.place, wrong[0].note
            stale.append((entry, f"{place}: {wrong[0].fate}: {note}"))
    return Judged(tuple(trial for trial in survivors if trial not in excused),
                  tuple(excused.items()), tuple(stale))


def _key(exercise: Exercise, func: Func, text: str) -> tuple[Exercise, Func, tuple[str, ...]]:
    return exercise, func, splice.tokens(text.strip().rstrip(","), func.path)

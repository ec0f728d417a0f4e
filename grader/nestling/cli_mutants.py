"""The command `mutants`: do the scenarios notice whatever can be wrong in an exercise?

It makes wrong versions of the reference's bodies, the labs' curated mutants and all deletions of
single statements (mutation.py), and runs each one's scenarios. A matrix has a mark for each:

    .  caught, and a hint applied    :  caught    =  survived, as equivalent.toml says
    S  survived, unlisted            H  caught, with a hint other than the mutant's
    -  does not compile              E  something else went wrong

JSON=FILE gets an object with

    total        the wrong bodies that could be built: the sum of the next five
    caught       a scenario failed; `hinted` is how many of these brought up a hint
    equivalents  [{exercise, track, func, line, text, kind, why}]   nobody can notice, as listed
    survivors    [{exercise, track, func, line, text, kind}]        nobody noticed
    misled       [{exercise, ..., note}]    curated, with another hint than their own
    errors       [{exercise, ..., note}]    nothing failed; emulator or grader did
    stillborn    how many don't compile
    stale        [{file, entry, note}]      of equivalent.toml, and not true
    exercises    [{exercise, track, total, caught, hinted, stillborn}]
    seconds      how long it took
    ok           is there nothing in survivors, misled, errors, stale?

where `func` is "hv/hvm/svm.c:svm_run", `line` is in that file (0 if curated), `text` is what is
deleted, or the mutant's name, and `kind` is curated, statement, element or instruction.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nestling import labs, optiontypes, scenario
from nestling.cli_grade import STATUS_INTERRUPTED, STATUS_LOST, STATUS_USAGE, open_json, write_json
from nestling.crew import try_all
from nestling.errors import UserError
from nestling.labs import Exercise
from nestling.mutation import (CURATED, PLATFORMS, Equivalent, Fate, Judged, Trial, Wrong, curated,
                               deletions, judge, load_equivalents, runs_of)
from nestling.plan import Choice, choose
from nestling.report import PLAIN_WIDTH
from nestling.workshop import SEED

ROOT = Path(__file__).resolve().parents[2]
SORTS = ("curated", "deletions")
MARKS = {Fate.CAUGHT: (":", "green"), Fate.SURVIVED: ("S", "bold red"),
         Fate.MISLED: ("H", "bold red"), Fate.STILLBORN: ("-", "dim"),
         Fate.ERROR: ("E", "bold magenta")}
HINTED, EXCUSED, WAITING = (".", "green"), ("=", "yellow"), ("?", "dim")
TEXT_MAX = 60  # characters of a deletion that are shown

EPILOG = """\
examples:
  scripts/mutants                          everything, on all platforms of each track
  scripts/mutants --lab 1 --track amd      lab 1 on the AMD track
  scripts/mutants --ex 1.4 --only deletions --on tcg

`make mutants` does the same; there the options are LAB=, EX=, TRACK=, ON=, ONLY=, JSON=, SEED=
and JOBS=. Exit status: 0: all as it should be; 1: not all; 2: wrong usage. With ON= there may be
survivors that another platform would have caught.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words`; the exit status."""
    options = parser().parse_args(words)
    try:
        return run(options)
    except UserError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return STATUS_USAGE
    except BrokenPipeError:  # as in `mutants | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        return STATUS_LOST
    except KeyboardInterrupt:
        print("\nmutants: interrupted", file=sys.stderr)
        return STATUS_INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The command line."""
    assert __doc__
    words = argparse.ArgumentParser(
        prog="mutants", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--lab", metavar="N[,N...]", type=optiontypes.numbers, default=[],
                       help="only these labs")
    words.add_argument("--ex", metavar="ID[,ID...]", type=optiontypes.words, default=[],
                       help="only these exercises, like 2.3")
    words.add_argument("--track", metavar="TRACK", type=optiontypes.track, default="",
                       help="amd or intel; default: both")
    words.add_argument("--on", metavar="KEY[,KEY...]", type=optiontypes.words, default=[],
                       help=f"platforms; default: {','.join(PLATFORMS)}, as far as the track "
                            "has them")
    words.add_argument("--only", metavar="SORT", choices=("", *SORTS), default="",
                       help="curated or deletions; default: both")
    words.add_argument("--json", metavar="FILE", default="", help="write the result there")
    words.add_argument("--seed", metavar="N", type=optiontypes.seed, default=None,
                       help=f"of the scenarios' random numbers; default: {SEED}")
    words.add_argument("--jobs", metavar="N", type=optiontypes.jobs, default=optiontypes.cpus(),
                       help="how many to try side by side; default: one for each CPU")
    return words


def run(options: argparse.Namespace) -> int:
    """Do what the command line says; the exit status."""
    if not labs.is_project(ROOT):
        raise UserError(f"{ROOT}: is a student's tree, which has no reference to make mutants "
                        "of; use a clone of the project")
    known = labs.load(ROOT)
    on = options.on or ([] if options.track else PLATFORMS)
    choice = choose(known, options.track, on, options.lab, options.ex,
                    factories=scenario.load(ROOT))
    check_platforms(choice)
    wrongs: list[Wrong] = []
    listed: list[Equivalent] = []
    if options.only != "deletions":
        wrongs += curated(ROOT, known, choice.exercises)
    if options.only != "curated":
        wrongs += deletions(ROOT, choice.exercises)
        listed += [entry for entry in load_equivalents(ROOT, known)
                   if entry.exercise in choice.exercises]
    json_file = open_json(options.json)
    seed = SEED if options.seed is None else options.seed

    start = time.monotonic()
    matrix = Matrix(wrongs)
    matrix.say(f"{len(wrongs)} wrong bodies, on {', '.join(p.key for p in choice.platforms)}")
    with matrix.live():
        for trial in try_all(ROOT, [(wrong, runs_of(choice, wrong.exercise)) for wrong in wrongs],
                             options.jobs, seed):
            matrix.add(trial)
    judged = judge(matrix.trials, listed)
    seconds = time.monotonic() - start
    matrix.show(judged, seconds)
    if json_file:
        write_json(json_file, to_json(matrix.trials, judged, seconds))
    return 0 if is_ok(matrix.trials, judged) else STATUS_LOST


def check_platforms(choice: Choice) -> None:
    """Raise UserError if one of the platforms can't run here: much would survive."""
    for platform in choice.platforms:
        if not platform.probe().ok:
            raise UserError(f"platform {platform.key} is not available: {platform.probe().reason}")


@dataclass
class Matrix:
    """What a person sees. In a terminal the matrix is there all the time and fills up."""

    wrongs: Sequence[Wrong]
    trials: list[Trial] = field(default_factory=list)
    console: Console = field(default_factory=lambda: Console(
        width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False, markup=False,
        emoji=False, no_color="NO_COLOR" in os.environ or None))

    def __post_init__(self) -> None:
        self.marks: dict[Wrong, tuple[str, str]] = {}
        self.screen: Live | None = None

    def say(self, text: str, style: str = "") -> None:
        """One line."""
        self.console.print(Text(text, style), soft_wrap=True)

    @contextmanager
    def live(self) -> Iterator[None]:
        """While this is open, add() shows how it goes."""
        if not self.console.is_terminal:
            yield
            return
        with Live(console=self.console, get_renderable=self.table, transient=True):
            yield

    def add(self, trial: Trial) -> None:
        """One more is done."""
        self.trials.append(trial)
        self.marks[trial.wrong] = (HINTED if trial.fate is Fate.CAUGHT and trial.hinted
                                   else MARKS[trial.fate])
        if trial.fate in (Fate.SURVIVED, Fate.MISLED, Fate.ERROR):
            self.say(f"  {_line(trial)}")

    def table(self) -> Table:
        """The matrix as it stands."""
        table = Table("Exercise", "Track", "Curated", "Deletions", box=None, pad_edge=False,
                      padding=(0, 2, 0, 0))
        for exercise in dict.fromkeys(wrong.exercise for wrong in self.wrongs):
            mine = [wrong for wrong in self.wrongs if wrong.exercise == exercise]
            table.add_row(exercise.id, exercise.track,
                          self._cell([wrong for wrong in mine if wrong.kind == CURATED]),
                          self._cell([wrong for wrong in mine if wrong.kind != CURATED]))
        return table

    def _cell(self, wrongs: Sequence[Wrong]) -> Text:
        cell = Text(overflow="fold")
        for wrong in wrongs:
            cell.append(*self.marks.get(wrong, WAITING))
        return cell

    def show(self, judged: Judged, seconds: float) -> None:
        """The end: the matrix, what is to be mended, and the sums."""
        for trial, _ in judged.equivalents:
            self.marks[trial.wrong] = EXCUSED
        self.console.print()
        self.console.print(self.table())
        self._block("not noticed; write a scenario, or an entry in equivalent.toml",
                    [_line(trial) for trial in judged.survivors])
        for fate, title in ((Fate.MISLED, "caught, and not with the mutant's hint"),
                            (Fate.ERROR, "nothing failed but emulator, grader or compiler")):
            self._block(title, [f"{_line(trial)}: {trial.note}" for trial in self.trials
                                if trial.fate is fate])
        self._block("to be taken out of equivalent.toml",
                    [f"{entry}: {note}" for entry, note in judged.stale])
        sums = sums_of(self.trials)
        self.say("")
        self.say(f"{sums['caught']} of {sums['total']} caught, {sums['hinted']} with a hint; "
                 f"{len(judged.equivalents)} equivalent, {len(judged.survivors)} not noticed, "
                 f"{sums['stillborn']} that don't compile; {seconds:.0f} s",
                 "bold green" if is_ok(self.trials, judged) else "bold red")

    def _block(self, title: str, lines: Sequence[str]) -> None:
        if lines:
            self.say(f"\n{title}:", "bold")
        for line in lines:
            self.say(f"  {line}")


def _line(trial: Trial) -> str:
    wrong = trial.wrong
    text = " ".join(wrong.text.split())
    text = text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "..."
    return f"{trial.fate:9}{wrong.exercise}  {wrong.place}  {wrong.kind}: {text}"


def sums_of(trials: Sequence[Trial]) -> dict[str, int]:
    """How many of these there are of each sort, with the names of the JSON file."""
    fates = Counter(trial.fate for trial in trials)
    return {"total": len(trials) - fates[Fate.STILLBORN], "caught": fates[Fate.CAUGHT],
            "hinted": sum(trial.hinted for trial in trials if trial.fate is Fate.CAUGHT),
            "stillborn": fates[Fate.STILLBORN]}


def is_ok(trials: Sequence[Trial], judged: Judged) -> bool:
    """Is there nothing to mend?"""
    return not (judged.survivors or judged.stale or any(
        trial.fate in (Fate.MISLED, Fate.ERROR) for trial in trials))


def to_json(trials: Sequence[Trial], judged: Judged, seconds: float) -> dict[str, Any]:
    """The result for programs; see above."""
    mine: dict[Exercise, list[Trial]] = {}
    for trial in trials:
        mine.setdefault(trial.wrong.exercise, []).append(trial)
    return {
        **sums_of(trials),
        "equivalents": [{**_wrong_json(trial.wrong), "why": entry.why}
                        for trial, entry in judged.equivalents],
        "survivors": [_wrong_json(trial.wrong) for trial in judged.survivors],
        **{key: [{**_wrong_json(trial.wrong), "note": trial.note} for trial in trials
                 if trial.fate is fate]
           for key, fate in (("misled", Fate.MISLED), ("errors", Fate.ERROR))},
        "stale": [{"file": entry.path, "entry": str(entry), "note": note}
                  for entry, note in judged.stale],
        "exercises": [{"exercise": exercise.id, "track": exercise.track, **sums_of(some)}
                      for exercise, some in mine.items()],
        "seconds": round(seconds, 1),
        "ok": is_ok(trials, judged),
    }


def _wrong_json(wrong: Wrong) -> dict[str, Any]:
    return {"exercise": wrong.exercise.id, "track": wrong.exercise.track, "func": str(wrong.func),
            "line": wrong.line, "text": wrong.text, "kind": wrong.kind}


if __name__ == "__main__":
    sys.exit(main())

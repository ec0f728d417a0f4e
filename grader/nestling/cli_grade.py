"""The command `grade`: build a tree, run the labs' scenarios on it, and give points."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nestling import build, labs, optiontypes, release, scenario, tree
from nestling.build import Site
from nestling.errors import UserError
from nestling.grade import Grades, grade_all, grade_unbuilt, to_json
from nestling.labs import Exercise, Lab
from nestling.plan import Choice, Plan, Run, blocked_by, breaks_in, choose
from nestling.platforms import PLATFORMS
from nestling.plugin import run_plan, write_vm_files
from nestling.report import Commands, Screen
from nestling.scenario import Factory
from nestling.tree import Source, State
from nestling.verdict import Status, Verdict

ROOT = Path(__file__).resolve().parents[2]
STATUS_LOST, STATUS_USAGE, STATUS_INTERRUPTED = 1, 2, 130

EPILOG = """\
examples:
  scripts/grade                        everything on the AMD track, the default
  scripts/grade --track intel          ... on the Intel track
  scripts/grade --lab 1 --on tcg       lab 1 on QEMU only: the quickest
  scripts/grade --ex 1.4 --on bochs-vmx --seed 7
  scripts/grade --lab 3 --assume       ... as if all of labs 1 and 2 were solved
  scripts/grade --tree ~/hers          another tree, by the labs of this one

`make grade` does the same; there the options are LAB=, EX=, TRACK=, ON=, TREE=, BUILD=, JSON=,
SEED=, MODEL=, JOBS= and ASSUME=1. An exercise for which none of the platforms is to be had is
skipped. Exit status: 0: all passed; 1: not all, whatever the reason; 2: wrong usage.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words`; the exit status."""
    options = parser().parse_args(words)
    try:
        return grade(options)
    except UserError as error:
        print(f"grade: {error}", file=sys.stderr)
        return STATUS_USAGE
    except BrokenPipeError:  # as in `grade | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        return STATUS_LOST
    except KeyboardInterrupt:
        print("\ngrade: interrupted", file=sys.stderr)
        return STATUS_INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The command line. An empty value counts as not given, which is handy in a Makefile."""
    words = argparse.ArgumentParser(
        prog="grade", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--tree", metavar="DIR", default="",
                       help="the tree to grade; default: the one this command is in")
    words.add_argument("--lab", metavar="N[,N...]", type=optiontypes.numbers, default=[],
                       help="only these labs")
    words.add_argument("--ex", metavar="ID[,ID...]", type=optiontypes.words, default=[],
                       help="only these exercises, like 2.3")
    words.add_argument("--track", metavar="TRACK", type=optiontypes.track, default="",
                       help="amd or intel; default: what --on implies, else amd")
    words.add_argument("--on", metavar="KEY[,KEY...]", type=optiontypes.words, default=[],
                       help=f"platforms: {', '.join(PLATFORMS)}; default: tcg,bochs-svm for amd, "
                            "bochs-vmx for intel. An exercise must pass on each of them")
    words.add_argument("--model", metavar="NAME", default="",
                       help="another CPU model, on the platforms that have it")
    words.add_argument("--json", metavar="FILE", default="",
                       help="write the result there, as grader/grade.schema.json describes it")
    words.add_argument("--seed", metavar="N", type=optiontypes.seed, default=None,
                       help="make the runs of that seed again; default: a new one each time")
    words.add_argument("--jobs", metavar="N", type=optiontypes.jobs, default=optiontypes.cpus(),
                       help="how many runs side by side; default: one for each CPU")
    words.add_argument("--assume", metavar="1", nargs="?", type=optiontypes.flag, const=True,
                       default="", help="put the reference solutions in the place of all exercises "
                       "of earlier labs, where they are at hand; those are not graded")
    words.add_argument("--build", metavar="DIR", default=os.environ.get("BUILD") or "build",
                       help="where the tree is built, as BUILD for make; default: build")
    return words


def grade(options: argparse.Namespace) -> int:
    """Do what the command line says; the exit status."""
    known = labs.load(ROOT, check_functions=False)
    factories = scenario.load(ROOT)
    check_scenarios(known, factories)
    choice = choose(known, options.track, options.on, options.lab, options.ex, options.model,
                    factories)
    where = Path(options.tree).resolve() if options.tree else ROOT
    if not where.is_dir():
        raise UserError(f"{options.tree}: there is no such folder")
    json_file = open_json(options.json)
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    site = Site(where, options.build)
    assumed = earlier(choice) if options.assume else ()
    source = reference_for(where) if assumed else None
    words = {run.scenario: factories[run.scenario](seed).words for run in choice.runs()}
    screen = Screen(Commands(ROOT, where, options.build, options.model, bool(assumed), words))
    screen.say(f"building {where}")
    if source:
        release.assume(where, assumed, source, site.copy.tree)
        site = site.copy

    grades = grade_tree(site, choice, factories, seed, options.jobs, screen)
    grades = replace(grades, assumed=assumed)
    screen.table(grades)
    screen.losses(grades)
    screen.summary(grades)
    if json_file:
        write_json(json_file, to_json(grades))
    return 0 if grades.passed else STATUS_LOST


def earlier(choice: Choice) -> tuple[Exercise, ...]:
    """The exercises of the labs before those that are to be graded."""
    first = min(exercise.lab for exercise in choice.exercises)
    return tuple(exercise for exercise in choice.known if exercise.lab < first)


def reference_for(where: Path) -> Source:
    """The reference solutions for the tree `where`. Raises UserError if there are none here."""
    source = release.reference_at_hand(where) or release.reference_at_hand(ROOT)
    if source is None:
        raise UserError("--assume: the reference of the earlier labs is not at hand; put the "
                        f"release of your course to {where / release.PLACE}")
    return source


def grade_tree(site: Site, choice: Choice, factories: dict[str, Factory], seed: int, jobs: int,
               screen: Screen) -> Grades:
    """Build the tree and make the runs, telling how it goes."""
    built = build.make(site, max(jobs, 2))
    if built.errors or built.fault:
        return Grades(choice, seed, grade_unbuilt(choice, built), built)
    reference = None if labs.is_project(site.tree) else release.reference_at_hand(site.tree)
    states = {one.exercise: one.state for one in tree.status(site.tree, choice.known, reference)}
    blocked = blocked_by([one for one in states if states[one] is State.STUB], choice.known)
    plan = Plan(ROOT, site.built, seed, choice.runs(blocked), site.tree)
    leave_vm_files(plan, factories)
    verdicts = make_runs(site, choice, plan, jobs, screen)
    taken = [one for one in choice.exercises if states[one] is State.REFERENCE]
    return Grades(choice, seed, grade_all(choice, verdicts, blocked, taken))


def make_runs(site: Site, choice: Choice, plan: Plan, jobs: int, screen: Screen
              ) -> dict[Run, Verdict]:
    """Make the runs of a plan, with the hypervisors that they need."""
    verdicts: dict[Run, Verdict] = {}
    breaks = breaks_in(choice, plan.runs)
    if breaks:
        names = ", ".join(dict.fromkeys(one.name for one in breaks.values()))
        screen.say(f"building hypervisors that are wrong on purpose: {names}")
        trouble = build.make_breaks(site, breaks, max(jobs, 2))
        if trouble:
            verdicts = {run: Verdict(Status.ERROR, reason=trouble)
                        for run in plan.runs if run.broken}
    left = tuple(run for run in plan.runs if run not in verdicts)
    with screen.progress(len(left)) as done:
        return verdicts | run_plan(replace(plan, runs=left), jobs, done)


def check_scenarios(known: Sequence[Lab], factories: dict[str, Factory]) -> None:
    """Raise UserError if a lab.toml names a scenario that isn't there."""
    for exercise in labs.all_exercises(known):
        for name in exercise.scenarios:
            if name not in factories:
                raise UserError(f"{_toml(exercise)}: exercise {exercise}: there is no scenario "
                                f"{name!r} in any labs/*/scenarios.py")


def _toml(exercise: Exercise) -> str:
    return str(Path(exercise.handout).with_name("lab.toml"))


def leave_vm_files(plan: Plan, factories: dict[str, Factory]) -> None:
    """Write the VM files of a plan to build/grade, for scripts/run and gdb."""
    directory = plan.build / "grade"
    try:
        directory.mkdir(exist_ok=True)
        write_vm_files({run.scenario: factories[run.scenario](plan.seed) for run in plan.runs},
                       directory)
    except OSError as error:
        raise UserError(f"{directory}: can't be written: {error.strerror}") from None


def open_json(name: str) -> Path | None:
    """Make sure early that the result can be written."""
    if not name:
        return None
    try:
        Path(name).write_text("", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{name}: can't be written: {error.strerror}") from None
    return Path(name)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write the result for programs."""
    try:
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: can't be written: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())

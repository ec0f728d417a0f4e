"""The command `lab`: get a tree to work in, see how far you are, start an exercise over."""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nestling import clex, git, handout, labs, release, splice, tree
from nestling.errors import UserError
from nestling.labs import Exercise
from nestling.release import TreeSource
from nestling.tree import State, Status
from nestling.update import Update, update

ROOT = Path(__file__).resolve().parents[2]
RELEASE = "release.json"
COLOURS = {State.STUB: "yellow", State.MINE: "green", State.REFERENCE: "blue", State.BROKEN: "red"}

PROJECT_EPILOG = """\
examples:
  scripts/lab start ~/nestling     make a tree of your own, with all exercises still to do
  scripts/lab handout --release    the archive for a course, and the solutions for after a deadline
  scripts/lab status               what the exercises are
"""

EPILOG = """\
examples:
  scripts/lab status               what is done, and what is a stub still
  scripts/lab reset 1.4            start exercise 1.4 over
  scripts/lab diff 1.4             what you wrote in place of the stub
  scripts/lab diff --from OTHER    how all exercises differ from those in the tree OTHER
  scripts/lab take 1.4             go on with the reference of 1.4, which earns nothing; your
                                   course gives out labs/release.json, which has it
  scripts/lab take 1.4 --from OTHER        use the solution of 1.4 in the tree OTHER
  scripts/lab update --from nestling-handout.tar.gz      take over newer given code and labs

An exercise that exists on both tracks is the AMD one, unless you add --track intel or set TRACK.
What would lose work that is not committed wants --force.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line `words`; the exit status."""
    options = _parser().parse_args(words)
    try:
        options.run(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    if labs.is_project(ROOT):
        parser.epilog = PROJECT_EPILOG
        _project_commands(commands)

    show = commands.add_parser("status", help="what is done, and what is a stub still")
    show.add_argument("--reference", type=Path, metavar="DIR",
                      help="a tree with the solutions; default: labs/release.json, if it is there")
    show.set_defaults(run=_status)

    reset = commands.add_parser("reset", help="put the stub of an exercise back")
    reset.set_defaults(run=_reset)
    diff = commands.add_parser("diff", help="compare exercises with the stubs, or another tree")
    diff.set_defaults(run=_diff)
    take = commands.add_parser("take", help="put the solution of an exercise in; earns nothing")
    take.set_defaults(run=_take)
    fresh = commands.add_parser("update", help="take over newer given code; keeps your exercises")
    fresh.set_defaults(run=_update)

    reset.add_argument("exercise", metavar="EXERCISE", help="like 1.4")
    take.add_argument("exercises", metavar="EXERCISE", nargs="+", help="like 1.4")
    diff.add_argument("exercise", metavar="EXERCISE", nargs="?", help="like 1.4; default: all")
    diff.add_argument("--from", type=Path, dest="source", metavar="DIR",
                      help="the tree to compare with; default: the stubs")
    take.add_argument("--from", type=Path, dest="source", metavar="DIR",
                      help=f"the tree to copy from; default: the solutions in {release.PLACE}")
    fresh.add_argument("--from", type=Path, dest="source", metavar="FROM", required=True,
                       help="a newer handout archive, starter, or clone of the project")
    for command in (reset, take):
        command.add_argument("--force", action="store_true",
                             help="even if work that is not committed gets lost")
    for command in (show, reset, diff, take, fresh):
        command.add_argument("--tree", type=Path, default=ROOT, metavar="DIR",
                             help="the tree to work on; default: the one this command is in")
    for command in (show, reset, diff, take):
        command.add_argument("--track", choices=("amd", "intel"),
                             default=os.environ.get("TRACK") or None)
    return parser


def _project_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What needs the reference solution, and a student's tree does not have."""
    start = commands.add_parser("start", help="make a tree of your own, with everything to do")
    start.add_argument("dir", type=Path, metavar="DIR", help="a new or empty folder")
    start.set_defaults(run=_start)
    make = commands.add_parser("handout", help="make the archive for a course")
    make.add_argument("--out", type=Path, metavar="FILE", default=Path(handout.NAME),
                      help="default: %(default)s")
    make.add_argument("--release", action="store_true",
                      help=f"also make {RELEASE}, the solutions, beside it")
    make.add_argument("--lab", metavar="N[,N...]", default="",
                      help="which labs the solutions are of; default: all")
    make.set_defaults(run=_handout)


def _start(options: argparse.Namespace) -> None:
    known = tree.export(ROOT, options.dir)
    count = len({exercise.id for exercise in labs.all_exercises(known)})
    steps = [(f"cd {shlex.quote(str(options.dir))}", ""),
             (f"less {known[0].path}/README.md", "the first handout"),
             ("make grade", "builds your tree and grades it, any time")]
    print(f"{options.dir} is yours: a git repository with {count} exercise"
          f"{'' if count == 1 else 's'} to do. Next:")
    for command, meaning in steps:
        print(f"  {command:40}{meaning}".rstrip())


def _handout(options: argparse.Namespace) -> None:
    wanted = [word for word in options.lab.replace(",", " ").split() if word]
    if wanted and not options.release:
        raise UserError("--lab (LAB=) is about the solutions; add --release (RELEASE=1)")
    known = labs.load(ROOT)
    numbers = {str(lab.number) for lab in known}
    for number in wanted:
        if number not in numbers:
            raise UserError(f"there is no lab {number}; there are: {', '.join(sorted(numbers))}")
    handout.make(ROOT, options.out)
    print(f"{options.out}: the handout; a student unpacks it and begins in {handout.TOP}/")
    if options.release:
        chosen = [lab for lab in known if not wanted or str(lab.number) in wanted]
        file = options.out.with_name(RELEASE)
        release.write(ROOT, labs.all_exercises(chosen), file)
        print(f"{file}: the solutions of lab {', '.join(str(lab.number) for lab in chosen)}; give "
              f"it out after the deadline, as {release.PLACE}")


def _status(options: argparse.Namespace) -> None:
    where = _tree(options.tree)
    known = labs.load(where, check_functions=False)
    reference = (TreeSource(_tree(options.reference)) if options.reference
                 else release.reference_at_hand(where))
    found = tree.status(where, labs.all_exercises(known, options.track), reference)
    (_print_table if sys.stdout.isatty() else _print_plain)(found)


def _print_plain(found: Sequence[Status]) -> None:
    """One line for each exercise, for scripts."""
    for status in found:
        exercise = status.exercise
        note = f"  {status.note}" if status.note else ""
        print(f"{exercise.id:6}{exercise.track:8}{exercise.points:4}  {status.state.value:10}"
              f"{' '.join(exercise.places)}{note}")


def _print_table(found: Sequence[Status]) -> None:
    table = Table("Exercise", "Track", "Title", "Points", "Where", "State")
    for status in found:
        exercise = status.exercise
        state = f"[{COLOURS[status.state]}]{status.state.value}[/]"
        table.add_row(exercise.id, exercise.track, exercise.title, str(exercise.points),
                      "\n".join(exercise.places), state)
    console = Console()
    console.print(table)
    for status in found:
        if status.note:
            console.print(f"{status.exercise}: {status.note}", markup=False, highlight=False)


def _reset(options: argparse.Namespace) -> None:
    where, exercise = _student_tree(options), _exercise(options)
    _protect(where, exercise, options.force)
    tree.put_stub(where, exercise)
    print(f"exercise {exercise} is a stub again; the handout is {exercise.handout}")


def _take(options: argparse.Namespace) -> None:
    for options.exercise in options.exercises:
        _take_one(options)


def _take_one(options: argparse.Namespace) -> None:
    where, exercise = _student_tree(options), _exercise(options)
    source = (TreeSource(_tree(options.source)) if options.source
              else release.reference_at_hand(where))
    if source is None:
        raise UserError(f"no solution of {exercise} is at hand: there is no {release.PLACE}; ask "
                        "your course for one, or name a tree that has the solution: --from DIR")
    solution = source.solution(exercise, where)
    _protect(where, exercise, options.force)
    tree.put_solution(where, exercise, solution)
    print(f"exercise {exercise} is now as in {options.source or release.PLACE}; "
          "a reference solution earns nothing")


def _diff(options: argparse.Namespace) -> None:
    where = _tree(options.tree)
    known = labs.load(where, check_functions=False)
    exercises: Sequence[Exercise] = labs.all_exercises(known, options.track)
    if options.exercise:
        exercises = [_find(known, options)]
    for exercise in exercises:
        theirs = exercise.written(_tree(options.source)) if options.source else exercise.stubs
        for place, old, new in zip(exercise.places, theirs, exercise.written(where)):
            sys.stdout.writelines(difflib.unified_diff(
                _lines(old), _lines(new), f"{options.source or 'starter'}/{place}",
                f"{options.tree}/{place}"))


def _update(options: argparse.Namespace) -> None:
    where = _student_tree(options)
    done = update(where, options.source, lambda text: print(f"{text} ..."))
    if not done.commit:
        print(f"nothing is new: this tree has what {options.source} has")
        return
    for line in _summary(done):
        print(line)
    if done.conflicts:
        raise UserError(
            f"{len(done.conflicts)} given file{_s(done.conflicts)} that you have changed too can't "
            f"be merged: {', '.join(done.conflicts)}\nLook for <<<<<<< there and put it right, "
            "then: git add -A && git commit\nOr take everything back: git merge --abort")
    print(f"committed; git show --stat {done.commit[:10]} has the details, and "
          f"git reset --hard {done.commit[:10]}^ would take it back")


def _summary(done: Update) -> list[str]:
    """What an update brought, for people."""
    lines = [f"given code: {len(done.changed)} file{_s(done.changed)} changed, exercises kept"]
    for what, exercises in (("new", done.new), ("gone", done.gone)):
        lines += [f"{what}: exercise {one}, {one.title}: {one.handout}" for one in exercises]
    return lines + done.notes


def _s(things: Sequence[object]) -> str:
    return "" if len(things) == 1 else "s"


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.strip("\n").split("\n")]


def _tree(path: Path) -> Path:
    if not (path / "labs").is_dir():
        raise UserError(f"{path}: is no tree of Nestling; it has no folder labs")
    return path.resolve()


def _student_tree(options: argparse.Namespace) -> Path:
    """The tree to change; never the project, whose bodies are the reference solution."""
    where = _tree(options.tree)
    if labs.is_project(where):
        raise UserError(f"{where}: this is the project with the reference solution; "
                        "`lab start DIR` makes a tree of your own")
    return where


def _find(known: Sequence[labs.Lab], options: argparse.Namespace) -> Exercise:
    """The exercise that is named. If it exists on both tracks: AMD's, as with `make grade`."""
    tracks = {one.track for one in labs.all_exercises(known) if one.id == options.exercise}
    track = options.track or ("amd" if len(tracks) > 1 else None)
    return labs.find_exercise(known, options.exercise, track)


def _exercise(options: argparse.Namespace) -> Exercise:
    known = labs.load(_tree(options.tree), check_functions=False)
    return _find(known, options)


def _protect(where: Path, exercise: Exercise, force: bool) -> None:
    """Raise UserError if one of the exercise's files has work that is not committed."""
    for func in exercise.funcs:
        splice.find(clex.read(where / func.path, func.path), func.name, func.path)
    found, = tree.status(where, [exercise], release.reference_at_hand(where))
    if force or found.state in (State.STUB, State.REFERENCE):
        return
    for path in exercise.paths:
        if not git.is_clean(where, path) and not _is_committed(where, exercise, path):
            raise UserError(f"{path}: {_names(exercise, path)}has changes that are not committed; "
                            "commit them first, or add --force")


def _is_committed(where: Path, exercise: Exercise, path: str) -> bool:
    """Are the exercise's functions in the file `path` as they were last committed?"""
    funcs = [func for func in exercise.funcs if func.path == path]
    try:
        text = git.run(where, "show", f"HEAD:{path}")
        return bool(funcs) and all(
            splice.tokens(splice.body(text, func.name, path), path)
            == splice.tokens(tree.get_body(where, func), path) for func in funcs)
    except (UserError, clex.Refused):
        return False  # it is new


def _names(exercise: Exercise, path: str) -> str:
    return " or ".join(f"{func.name}() " for func in exercise.funcs if func.path == path)


if __name__ == "__main__":
    sys.exit(main())

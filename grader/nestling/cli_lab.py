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

from nestling import clex, labs, splice, tree
from nestling.errors import UserError
from nestling.labs import Exercise
from nestling.tree import State, Status

ROOT = Path(__file__).resolve().parents[2]
COLOURS = {State.STUB: "yellow", State.MINE: "green", State.REFERENCE: "blue", State.BROKEN: "red"}

EPILOG = """\
examples:
  scripts/lab start ~/nestling     make a tree of your own, with all exercises still to do
  scripts/lab status               what is done, and what is a stub still
  scripts/lab reset 1.4            start exercise 1.4 over
  scripts/lab diff 1.4             what you wrote in place of the stub
  scripts/lab diff --from OTHER    how all exercises differ from those in the tree OTHER
  scripts/lab take 1.4 --from OTHER    use the solution of 1.4 in OTHER

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

    start = commands.add_parser("start", help="make a tree of your own, with everything to do")
    start.add_argument("dir", type=Path, metavar="DIR", help="a new or empty folder")
    start.set_defaults(run=_start)

    show = commands.add_parser("status", help="what is done, and what is a stub still")
    show.add_argument("--reference", type=Path, metavar="DIR",
                      help="a tree with the solutions, if you have one")
    show.set_defaults(run=_status)

    reset = commands.add_parser("reset", help="put the stub of an exercise back")
    reset.set_defaults(run=_reset)
    diff = commands.add_parser("diff", help="compare exercises with the stubs, or another tree")
    diff.set_defaults(run=_diff)
    take = commands.add_parser("take", help="copy the solution of an exercise from another tree")
    take.set_defaults(run=_take)

    reset.add_argument("exercise", metavar="EXERCISE", help="like 1.4")
    take.add_argument("exercise", metavar="EXERCISE", help="like 1.4")
    diff.add_argument("exercise", metavar="EXERCISE", nargs="?", help="like 1.4; default: all")
    diff.add_argument("--from", type=Path, dest="source", metavar="DIR",
                      help="the tree to compare with; default: the stubs")
    take.add_argument("--from", type=Path, dest="source", metavar="DIR", required=True,
                      help="the tree to copy from")
    for command in (reset, take):
        command.add_argument("--force", action="store_true",
                             help="even if work that is not committed gets lost")
    for command in (show, reset, diff, take):
        command.add_argument("--tree", type=Path, default=ROOT, metavar="DIR",
                             help="the tree to work on; default: the one this command is in")
        command.add_argument("--track", choices=("amd", "intel"),
                             default=os.environ.get("TRACK") or None)
    return parser


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


def _status(options: argparse.Namespace) -> None:
    where = _tree(options.tree)
    known = labs.load(where, check_functions=False)
    reference = _tree(options.reference) if options.reference else (
        where if tree.is_project(where) else None)
    found = tree.status(where, labs.all_exercises(known, options.track), reference)
    (_print_table if sys.stdout.isatty() else _print_plain)(found)


def _print_plain(found: Sequence[Status]) -> None:
    """One line for each exercise, for scripts."""
    for status in found:
        exercise = status.exercise
        note = f"  {status.note}" if status.note else ""
        print(f"{exercise.id:6}{exercise.track:8}{exercise.points:4}  {status.state.value:10}"
              f"{' '.join(map(str, exercise.funcs))}{note}")


def _print_table(found: Sequence[Status]) -> None:
    table = Table("Exercise", "Track", "Title", "Points", "Functions", "State")
    for status in found:
        exercise = status.exercise
        state = f"[{COLOURS[status.state]}]{status.state.value}[/]"
        table.add_row(exercise.id, exercise.track, exercise.title, str(exercise.points),
                      "\n".join(map(str, exercise.funcs)), state)
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
    where, exercise, source = _student_tree(options), _exercise(options), _tree(options.source)
    pieces = [tree.take_piece(source, func, where) for func in exercise.funcs]
    _protect(where, exercise, options.force)
    for piece in pieces:
        tree.put_body(where, exercise, piece)
    print(f"exercise {exercise} is now as in {options.source}")


def _diff(options: argparse.Namespace) -> None:
    where = _tree(options.tree)
    known = labs.load(where, check_functions=False)
    exercises: Sequence[Exercise] = labs.all_exercises(known, options.track)
    if options.exercise:
        exercises = [_find(known, options)]
    for exercise in exercises:
        for func in exercise.funcs:
            theirs = (tree.get_body(_tree(options.source), func) if options.source
                      else exercise.stub_of(func))
            sys.stdout.writelines(difflib.unified_diff(
                _lines(theirs), _lines(tree.get_body(where, func)),
                f"{options.source or 'starter'}/{func}", f"{options.tree}/{func}"))


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.strip("\n").split("\n")]


def _tree(path: Path) -> Path:
    if not (path / "labs").is_dir():
        raise UserError(f"{path}: is no tree of Nestling; it has no folder labs")
    return path.resolve()


def _student_tree(options: argparse.Namespace) -> Path:
    """The tree to change; never the project, whose bodies are the reference solution."""
    where = _tree(options.tree)
    if tree.is_project(where):
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
    """Raise UserError if a function's file has work that is not committed."""
    for func in exercise.funcs:
        text = clex.read(where / func.path, func.path)
        splice.find(text, func.name, func.path)
        if not force and not tree.is_clean(where, func.path):
            raise UserError(f"{func.path}: has changes that are not committed; "
                            "commit them first, or add --force")


if __name__ == "__main__":
    sys.exit(main())

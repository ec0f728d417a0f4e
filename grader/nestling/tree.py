"""Students' trees: make one from the project, see how far it is, move solutions in and out.

A tree is a folder with the project's layout. The project itself holds the reference solution;
a starter is the project with every exercise's body replaced by its stub, and without the files
that give solutions away.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Protocol

from nestling import clex, git, labs, leaks, splice
from nestling.errors import UserError
from nestling.exercise import same
from nestling.labs import Exercise, Func, Lab
from nestling.splice import Piece

# What a student doesn't get: wrong bodies, tests that need the solutions, what makes starters.
HIDDEN = ("labs/*/mutants/*", "labs/release.json", "grader/tests/reference/*",
          "grader/tests/fuzz/*", "grader/fuzz/*", ".ci/*", "project.mk", "scripts/mutants",
          "scripts/fuzz")
MESSAGE = "Nestling: starter"
# In Markdown, what lies between these lines is not for students.
CUT = re.compile(r"^<!-- project only -->\n.*?^<!-- end -->\n\n?", re.DOTALL | re.MULTILINE)


class State(Enum):
    """What is in the place of an exercise."""

    STUB = "stub"
    MINE = "mine"
    REFERENCE = "reference"
    BROKEN = "broken"  # the function or the answer can't be found


@dataclass(frozen=True)
class Status:
    """The state of one exercise in a tree; `note` tells why it is BROKEN."""

    exercise: Exercise
    state: State
    note: str = ""


@dataclass(frozen=True)
class Solution:
    """What somebody wrote for an exercise: a piece for each function, or an answer."""

    pieces: tuple[Piece, ...] = ()
    answer: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The bodies, or the answer; see Exercise.written()."""
        return tuple(piece.body for piece in self.pieces) if self.pieces else (self.answer,)


class Source(Protocol):
    """Where solutions can be had; release.py has them."""

    def solution(self, exercise: Exercise, into: Path | None = None) -> Solution:
        """The solution of `exercise`, with those helpers that the tree `into` lacks.

        Raises UserError if it has none, or one that is not acceptable.
        """


def get_body(tree: Path, func: Func) -> str:
    """The body of `func` in `tree`. Raises Refused."""
    return splice.body(clex.read(tree / func.path, func.path), func.name, func.path)


def take_piece(source: Path, func: Func, pristine: Path | None = None) -> Piece:
    """`func` and its helpers from the tree `source`; see splice.take(). Raises Refused."""
    known = clex.read(pristine / func.path, func.path) if pristine else None
    return splice.take(clex.read(source / func.path, func.path), func.name, func.path, known)


def put_body(tree: Path, exercise: Exercise, piece: Piece) -> None:
    """Put a piece of one of the exercise's functions into `tree`. Raises Refused."""
    func = next((func for func in exercise.funcs if func.name == piece.name), None)
    if func is None:
        raise UserError(f"exercise {exercise} has no function {piece.name}")
    text = clex.read(tree / func.path, func.path)
    _write(tree / func.path, splice.put(text, func.name, piece, func.path))


def put_solution(tree: Path, exercise: Exercise, solution: Solution) -> None:
    """Put all of a solution into `tree`. Raises Refused."""
    if exercise.answer:
        _write(tree / exercise.answer, solution.answer)
    for piece in solution.pieces:
        put_body(tree, exercise, piece)


def put_stub(tree: Path, exercise: Exercise) -> None:
    """Put the stubs of an exercise into `tree`. Raises Refused."""
    if exercise.answer:
        _write(tree / exercise.answer, *exercise.stubs)
    for func in exercise.funcs:
        text = clex.read(tree / func.path, func.path)
        stub = exercise.stub_of(func)
        _write(tree / func.path, splice.set_body(text, func.name, stub, func.path))


def make_stub(tree: Path, only: Iterable[Exercise] | None = None) -> None:
    """Turn `tree` into a starter: the stubs of all its exercises, or of `only` these."""
    for exercise in labs.all_exercises(labs.load(tree)) if only is None else only:
        put_stub(tree, exercise)


def status(
    tree: Path, exercises: Iterable[Exercise], reference: Source | None = None
) -> list[Status]:
    """What is in the exercises' places in `tree`; comments and layout make no difference.

    Without the solutions of `reference` a reference body counts as MINE.
    """
    return [_status_of(tree, exercise, reference) for exercise in exercises]


def _status_of(tree: Path, exercise: Exercise, reference: Source | None) -> Status:
    try:
        written = exercise.written(tree)
        if same(written, exercise.stubs, exercise.paths):
            return Status(exercise, State.STUB)
    except clex.Refused as error:
        return Status(exercise, State.BROKEN, str(error))
    try:
        if reference and same(written, reference.solution(exercise).texts, exercise.paths):
            return Status(exercise, State.REFERENCE)
    except UserError:
        pass  # the reference has not all exercises
    return Status(exercise, State.MINE)


def export(root: Path, dest: Path, when: str = "") -> tuple[Lab, ...]:
    """Write a starter of the project `root` to the new folder `dest`, as a git repository.

    Args:
        when: for a starter that is the same each time: the time of its commit, which is
            then Nestling's own instead of the user's.

    Returns the labs. Nothing is left at `dest` if it fails.

    Raises:
        UserError: `dest` is in use or within the project, the project has something that can't
            be exported, git fails, or a solution would leak.
    """
    root, dest = root.resolve(), dest.absolute()
    if dest.is_symlink() or dest.exists() and (not dest.is_dir() or any(dest.iterdir())):
        raise UserError(f"{dest}: is there already, and is not an empty folder")
    if dest.resolve().is_relative_to(root):
        raise UserError(f"{dest}: lies within {root}; choose a folder elsewhere")
    known = labs.load(root)
    files = project_files(root)
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{dest.name}-", dir=dest.parent))
    except OSError as error:
        raise UserError(f"{dest}: can't be written: {error.strerror}") from None
    try:
        _copy(root, work, files)
        make_stub(work, labs.all_exercises(known))
        check_no_leak(root, known, work)
        _commit(work, when)
        work.chmod(0o777 & ~_umask())
        work.rename(dest)
    except OSError as error:
        raise UserError(f"{dest}: can't be written: {error}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return known


def project_files(root: Path) -> list[str]:
    """The files of a starter: what git tracks or would track, without HIDDEN."""
    if not git.is_top(root):
        raise UserError(f"{root}: is not the top of a git repository; use a clone of the project")
    listed = git.run(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = []
    for name in sorted(set(listed.split("\0")) - {""}):
        if is_hidden(name) or "__pycache__" in PurePosixPath(name).parts:
            continue
        try:
            mode = (root / name).lstat().st_mode
        except FileNotFoundError:
            continue  # deleted, and not committed yet
        if not stat.S_ISREG(mode):
            raise UserError(f"{root / name}: is no plain file, so it can't be exported")
        files.append(name)
    return files


def is_hidden(name: str) -> bool:
    """Is the file `name` of the project, or a folder that it is in, one of HIDDEN?"""
    path = PurePosixPath(name)
    counts = ((len(PurePosixPath(pattern).parts), pattern) for pattern in HIDDEN)
    return any(len(path.parts) >= count and PurePosixPath(*path.parts[:count]).match(pattern)
               for count, pattern in counts)


def check_no_leak(root: Path, known: Iterable[Lab], tree: Path) -> None:
    """Raise UserError if `tree` has what a student must not have from the project `root`."""
    for file in sorted(tree.rglob("*")):
        name = file.relative_to(tree).as_posix()
        if file.is_file() and is_hidden(name):
            raise UserError(f"{name}: must not be in a student's tree")
    leaks.check(root, known, tree)


def _write(file: Path, text: str) -> None:
    try:
        file.write_bytes(text.encode())
    except OSError as error:
        raise UserError(f"{file}: can't be written: {error.strerror}") from None


def _copy(root: Path, dest: Path, files: Iterable[str]) -> None:
    for name in files:
        target = dest / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, target)
        shutil.copymode(root / name, target)
        target.chmod(target.stat().st_mode | stat.S_IWUSR)
        if target.suffix == ".md":
            _write(target, CUT.sub("", clex.read(target, name)))


def _commit(tree: Path, when: str) -> None:
    """Make `tree` a repository with one commit, whatever hooks and signing the user has set."""
    git.run(tree, "init", "-q", "-b", "main", "--template=")
    git.run(tree, "add", "--all", "--force")
    env = git.as_author(when) if when else git.identity(tree)
    git.run(tree, "commit", "-q", "-m", MESSAGE, env=env)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Students' trees: make one from the project, see how far it is, move bodies in and out.

A tree is a folder with the project's layout. The project itself holds the reference solution;
a starter is the project with every exercise's body replaced by its stub, and without the files
that give solutions away.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from nestling import clex, labs, splice
from nestling.errors import UserError
from nestling.labs import Exercise, Func, Lab
from nestling.splice import Piece

# What a student doesn't get: known wrong bodies, and tests that need the solutions.
HIDDEN = ("labs/*/mutants/*", "grader/tests/reference/*", ".ci/*")
MESSAGE = "Nestling: starter"
AUTHOR = ("Nestling", "nestling@localhost")  # if git knows no name for the user
SHORT = 16  # tokens; a shorter body (`return 0;`) says nothing wherever else it is found


class State(Enum):
    """What is in the place of an exercise."""

    STUB = "stub"
    MINE = "mine"
    REFERENCE = "reference"
    BROKEN = "broken"  # the function can't be found


@dataclass(frozen=True)
class Status:
    """The state of one exercise in a tree; `note` tells why it is BROKEN."""

    exercise: Exercise
    state: State
    note: str = ""


def is_project(root: Path) -> bool:
    """Is `root` the project, with the reference solution, rather than a student's tree?"""
    return any(root.glob("labs/*/mutants"))


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


def put_stub(tree: Path, exercise: Exercise) -> None:
    """Put the stubs of an exercise into `tree`. Raises Refused."""
    for func in exercise.funcs:
        text = clex.read(tree / func.path, func.path)
        stub = exercise.stub_of(func)
        _write(tree / func.path, splice.set_body(text, func.name, stub, func.path))


def make_stub(tree: Path, only: Iterable[Exercise] | None = None) -> None:
    """Turn `tree` into a starter: the stubs of all its exercises, or of `only` these."""
    for exercise in labs.all_exercises(labs.load(tree)) if only is None else only:
        put_stub(tree, exercise)


def status(
    tree: Path, exercises: Iterable[Exercise], reference: Path | None = None
) -> list[Status]:
    """What the exercises' functions are in `tree`; comments and layout make no difference.

    Without the tree `reference` a reference body counts as MINE.
    """
    return [_status_of(tree, exercise, reference) for exercise in exercises]


def _status_of(tree: Path, exercise: Exercise, reference: Path | None) -> Status:
    try:
        states = {_state_of(tree, exercise, func, reference) for func in exercise.funcs}
    except clex.Refused as error:
        return Status(exercise, State.BROKEN, str(error))
    return Status(exercise, states.pop() if len(states) == 1 else State.MINE)


def _state_of(tree: Path, exercise: Exercise, func: Func, reference: Path | None) -> State:
    present = splice.tokens(get_body(tree, func), func.path)
    if present == splice.tokens(exercise.stub_of(func), func.path):
        return State.STUB
    if reference and present == splice.tokens(get_body(reference, func), func.path):
        return State.REFERENCE
    return State.MINE


def export(root: Path, dest: Path) -> tuple[Lab, ...]:
    """Write a starter of the project `root` to the new folder `dest`, as a git repository.

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
        _commit(work)
        work.chmod(0o777 & ~_umask())
        work.rename(dest)
    except OSError as error:
        raise UserError(f"{dest}: can't be written: {error}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return known


def project_files(root: Path) -> list[str]:
    """The files of a starter: what git tracks or would track, without HIDDEN."""
    top = _git(root, "rev-parse", "--show-toplevel").rstrip("\n")
    if Path(top).resolve() != root.resolve():
        raise UserError(f"{root}: is not the top of a git repository; use a clone of the project")
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    files = []
    for name in sorted(set(listed.split("\0")) - {""}):
        path = PurePosixPath(name)
        if any(_below(path, pattern) for pattern in HIDDEN) or "__pycache__" in path.parts:
            continue
        try:
            mode = (root / name).lstat().st_mode
        except FileNotFoundError:
            continue  # deleted, and not committed yet
        if not stat.S_ISREG(mode):
            raise UserError(f"{root / name}: is no plain file, so it can't be exported")
        files.append(name)
    return files


def check_no_leak(root: Path, known: Iterable[Lab], tree: Path) -> None:
    """Raise UserError if a file of `tree` has a body of the reference in `root`, or of a mutant.

    Compares words, so that other layout or comments don't hide a copy.
    """
    secrets: list[tuple[str, str]] = []
    for lab in known:
        for exercise in lab.exercises:
            for func in exercise.funcs:
                text, stub = get_body(root, func), exercise.stub_of(func)
                if splice.tokens(text, func.path) != splice.tokens(stub, func.path):
                    what = f"the solution of {exercise}, {func.name}"
                    secrets += _secrets(what, text, func.path)
        for mutant in lab.mutants:
            text = splice.body(mutant.text, mutant.func.name, mutant.path)
            secrets += _secrets(f"the mutant {mutant.name}", text, mutant.path)
    for file in sorted(tree.rglob("*")):
        name = file.relative_to(tree).as_posix()
        if not file.is_file() or name.startswith(".git/"):
            continue
        if any(_below(PurePosixPath(name), pattern) for pattern in HIDDEN):
            raise UserError(f"{name}: must not be in a student's tree")
        views = _views(file, name)
        for what, words in secrets:
            if any(words in view for view in views):
                raise UserError(f"{name}: contains {what}; no starter was made")


def _secrets(what: str, body: str, path: str) -> list[tuple[str, str]]:
    """What to look for: the words of a body, with and without comments, unless it is short."""
    inner = body.strip("{}") if path.endswith(".c") else body
    words = splice.tokens(inner, path)
    if len(words) < SHORT:
        return []
    return [(what, _words(inner)), (what, _words(" ".join(words)))]


def _views(file: Path, name: str) -> list[str]:
    """The words of a file, as it is and, if it is C or assembly, without comments."""
    text = file.read_bytes().decode("utf-8", "replace")
    views = [_words(text)]
    if file.suffix in (".c", ".h", ".S"):
        try:
            views.append(_words(" ".join(splice.tokens(text, name))))
        except clex.Refused:
            pass  # not one of the files that have exercises; the first view must do
    return views


def _words(text: str) -> str:
    return " ".join(["", *re.findall(r"[A-Za-z0-9_]+|[^\sA-Za-z0-9_]", text), ""])


def _below(path: PurePosixPath, pattern: str) -> bool:
    """Does `pattern` match `path` or a folder that it is in?"""
    count = len(PurePosixPath(pattern).parts)
    return len(path.parts) >= count and PurePosixPath(*path.parts[:count]).match(pattern)


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


def _commit(tree: Path) -> None:
    """Make `tree` a repository with one commit, whatever hooks and signing the user has set."""
    _git(tree, "init", "-q", "-b", "main", "--template=")
    quiet = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false"]
    for key, value in zip(("user.name", "user.email"), AUTHOR):
        if not _git(tree, "config", "--default", "", "--get", key).strip():
            quiet += ["-c", f"{key}={value}"]
    _git(tree, "add", "--all", "--force")
    _git(tree, *quiet, "commit", "-q", "-m", MESSAGE)


def is_clean(tree: Path, path: str) -> bool:
    """Is `path` in `tree` as it was last committed?"""
    return _git(tree, "status", "--porcelain", "--", path) == ""


def _git(tree: Path, *words: str) -> str:
    """Run git in `tree`, deaf to the GIT_ variables of a git that may have started us."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("GIT_") or key.startswith("GIT_CONFIG")}
    try:
        done = subprocess.run(["git", *words], cwd=tree, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
    except OSError as error:
        raise UserError(f"git can't be started: {error.strerror}") from None
    if done.returncode:
        problem = done.stderr.decode("utf-8", "replace").strip() or f"status {done.returncode}"
        raise UserError(f"{tree}: git {words[0]}: {problem}")
    return done.stdout.decode("utf-8", "surrogateescape")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

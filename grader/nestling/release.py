"""Where reference solutions come from: a tree, or the file that a course gives out.

The release is `labs/release.json` in a student's tree: a deadline is over, and who did not make
an exercise can go on with the reference in its place. It is code like a student's, and is taken
under the same rules.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nestling import clex, labs, splice, tree
from nestling.errors import UserError
from nestling.labs import Exercise, Func
from nestling.outline import outline
from nestling.splice import Piece
from nestling.tree import Solution, Source

PLACE = "labs/release.json"
FORMAT = 1
ADVICE = f"ask for a release that has it, and put that to {PLACE}"


class TreeSource:
    """The solutions in a tree, such as the project."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def solution(self, exercise: Exercise, into: Path | None = None) -> Solution:
        """See Source. Helpers that `into` lacks come along; without `into`, none do."""
        if exercise.answer:
            return Solution(answer=exercise.written(self.root)[0])
        return Solution(tuple(tree.take_piece(self.root, func, into or self.root)
                              for func in exercise.funcs))


class ReleaseSource:
    """The solutions in a release file. Raises UserError if it is no such file."""

    def __init__(self, file: Path) -> None:
        self.path = file
        self.entries = {_key(entry): entry for entry in _entries(file)}

    def __str__(self) -> str:
        return str(self.path)

    def solution(self, exercise: Exercise, into: Path | None = None) -> Solution:
        """See Source."""
        entry = self.entries.get((exercise.id, exercise.track))
        if entry is None:
            raise UserError(f"{self}: has no solution of exercise {exercise}; {ADVICE}")
        if exercise.answer:
            return Solution(answer=_text(self.path, entry, "answer"))
        return Solution(tuple(self._piece(exercise, func, into) for func in exercise.funcs))

    def _piece(self, exercise: Exercise, func: Func, into: Path | None) -> Piece:
        entry = self.entries[exercise.id, exercise.track]
        for one in _dicts(self.path, entry, "functions"):
            if (_text(self.path, one, "path"), _text(self.path, one, "name")) == (
                    func.path, func.name):
                try:
                    piece = splice.take(_text(self.path, one, "code"), func.name, func.path)
                except clex.Refused as error:
                    raise UserError(f"{self}: exercise {exercise}: {error}") from None
                known = _declared(into, func.path) if into else set()
                return dataclasses.replace(piece, helpers=tuple(
                    helper for helper in piece.helpers if helper.name not in known))
        raise UserError(f"{self}: exercise {exercise} has no function {func}; {ADVICE}")


def _declared(root: Path, path: str) -> set[str]:
    return set(outline(clex.read(root / path, path), path).declared())


def reference_at_hand(root: Path) -> Source | None:
    """The reference solutions that the tree `root` has with it; None without any.

    Raises UserError if there is a release that can't be read.
    """
    if labs.is_project(root):
        return TreeSource(root)
    return ReleaseSource(root / PLACE) if (root / PLACE).exists() else None


def write(root: Path, exercises: Iterable[Exercise], file: Path) -> None:
    """Make the release of the project `root` with these exercises. Raises UserError."""
    source = TreeSource(root)
    entries = []
    for exercise in exercises:
        solution = source.solution(exercise)
        entry: dict[str, Any] = {"id": exercise.id, "track": exercise.track}
        if exercise.answer:
            entry["answer"] = solution.answer
        else:
            entry["functions"] = [
                {"path": func.path, "name": func.name, "code": _code(root, func, piece)}
                for func, piece in zip(exercise.funcs, solution.pieces)]
        entries.append(entry)
    values = {"format": FORMAT, "exercises": entries}
    write_whole(file, (json.dumps(values, indent=1) + "\n").encode())


def write_whole(file: Path, data: bytes) -> None:
    """Write a file so that nobody sees half of it. Raises UserError."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(name).chmod(0o644)
            Path(name).rename(file)
        except OSError:
            Path(name).unlink()
            raise
    except OSError as error:
        raise UserError(f"{file}: can't be written: {error.strerror}") from None


def _code(root: Path, func: Func, piece: Piece) -> str:
    """The helpers and the function, as a source file could have them."""
    text = clex.read(root / func.path, func.path)
    span = splice.find(text, func.name, func.path)
    helpers = "".join(f"{helper.text}\n\n" for helper in piece.helpers)
    return f"{helpers}{text[span.head:span.end]}\n"


def _entries(file: Path) -> list[dict[str, Any]]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: is no release of solutions: {error}") from None
    if not isinstance(values, dict) or "format" not in values:
        raise UserError(f"{file}: is no release of solutions: format is missing")
    if values["format"] != FORMAT:
        raise UserError(f"{file}: format: is {values['format']!r}, and this tree knows {FORMAT}; "
                        "`scripts/lab update` brings newer given code")
    entries = _dicts(file, values, "exercises")
    for entry in entries:
        for key in ("id", "track"):
            _text(file, entry, key)
        if "answer" in entry:
            _text(file, entry, "answer")
        for one in _dicts(file, entry, "functions") if "answer" not in entry else ():
            for key in ("path", "name", "code"):
                _text(file, one, key)
    return entries


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["id"], entry["track"]


def _text(file: Path, values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    if not isinstance(value, str):
        raise UserError(f"{file}: {key}: must be a text, not {value!r}")
    return value


def _dicts(file: Path, values: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = values.get(key)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UserError(f"{file}: {key}: must be a list of objects")
    return value


def assume(where: Path, exercises: Iterable[Exercise], source: Source, dest: Path) -> None:
    """Make `dest` a copy of the tree `where` in which these exercises are the reference's.

    What is in `dest` already and need not change keeps its age, and so does what was built there;
    `make` has little to do then. `dest` may be within a build folder of the tree.

    Raises UserError if the source lacks one of the exercises, or it does not fit.
    """
    files = list(_files(where, dest))
    try:
        dest.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{dest.name}-", dir=dest.parent) as name:
            work = Path(name)
            for file in files:
                (work / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(where / file, work / file)
                shutil.copymode(where / file, work / file)
            for exercise in exercises:
                tree.put_solution(work, exercise, source.solution(exercise, work))
            _refresh(work, dest)
    except OSError as error:
        raise UserError(f"{dest}: can't be written: {error}") from None


def _refresh(work: Path, dest: Path) -> None:
    """Make the files of `dest` those of `work`, and touch only what changes."""
    new, old = set(_files(work)), set(_files(dest))
    for file in old - new:
        (dest / file).unlink()
    for file in new:
        if file not in old or (work / file).read_bytes() != (dest / file).read_bytes():
            (dest / file).parent.mkdir(parents=True, exist_ok=True)
            (work / file).replace(dest / file)


def _files(root: Path, skip: Path | None = None) -> Iterator[str]:
    """The plain files of a tree, without git's, what was built (Makefile, FLAGS), and `skip`."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")
                      and not (Path(folder) / name / ".flags").exists()
                      and Path(folder) / name != skip]
        for name in files:
            file = Path(folder) / name
            if file.is_file() and not file.is_symlink():
                yield file.relative_to(root).as_posix()

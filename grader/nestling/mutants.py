"""Reading labs/*/mutants: wrong solutions that the grader must catch.

A mutant is a C or assembly file with headers in its first comment and the whole function, or an
entry of a TOML file that edits the reference body.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from nestling import clex, splice
from nestling.errors import UserError
from nestling.exercise import Edit, Exercise, Func, Mutant
from nestling.table import Table, headers, read_toml

KEYS = ("mutant", "exercise", "track", "hint", "why")
EQUIVALENT = "equivalent*.toml"  # not about mutants, but about edits that change nothing


def load(root: Path, folder: str, exercises: Sequence[Exercise]) -> tuple[Mutant, ...]:
    """The mutants of the lab in `folder`, by file name. Raises UserError."""
    mutants: list[Mutant] = []
    for file in sorted((root / folder / "mutants").glob("*")):
        path = file.relative_to(root).as_posix()
        if file.suffix in (".c", ".S"):
            mutants.append(_whole(clex.read(file, path), path, exercises))
        elif file.suffix == ".toml" and not file.match(EQUIVALENT):
            mutants += _edits(root, path, exercises)
    names = [(mutant.exercise, mutant.track, mutant.name) for mutant in mutants]
    for mutant, name in zip(mutants, names):
        if names.count(name) > 1:
            raise UserError(f"{mutant.path}: mutant: the name {mutant.name} is there twice")
    return tuple(mutants)


def check(root: Path, mutant: Mutant) -> None:
    """Raise UserError unless the mutant differs from the function in the project `root`."""
    path = mutant.func.path
    body = splice.body(clex.read(root / path, path), mutant.func.name, path)
    if splice.tokens(mutant.piece(root).body, path) == splice.tokens(body, path):
        raise UserError(f"{mutant}: is the code of the reference")


def _whole(text: str, path: str, exercises: Iterable[Exercise]) -> Mutant:
    """The mutant that is a file of its own."""
    table = headers(text, path, KEYS)
    name = table.text("mutant")
    exercise, hint, why = _about(table, exercises)
    table.end()
    reasons = []
    for func in exercise.funcs:
        if PurePosixPath(func.path).suffix == PurePosixPath(path).suffix:
            try:
                splice.take(text, func.name, path)
                return Mutant(name, exercise.id, exercise.track, hint, why, path, func, text)
            except clex.Refused as error:
                reasons.append(str(error))
    names = ", ".join(map(str, exercise.funcs))
    raise UserError("; ".join(reasons) or f"{path}: has not the type of file of {names}")


def _edits(root: Path, path: str, exercises: Iterable[Exercise]) -> Iterator[Mutant]:
    """The mutants of a TOML file."""
    file = read_toml(root, path)
    for values in file.tables("mutant"):
        table = Table(f"{path}: mutant {values.get('name', '?')}", values)
        name = table.name("name")
        exercise, hint, why = _about(table, exercises)
        func = _func(table, exercise)
        edits = _list_of_edits(table)
        table.end()
        yield Mutant(name, exercise.id, exercise.track, hint, why, path, func, edits=edits)
    file.end()


def _about(table: Table, exercises: Iterable[Exercise]) -> tuple[Exercise, str, str]:
    """What each mutant says: its exercise, hint, and why it is wrong."""
    ident, track, hint, why = (table.text(key) for key in KEYS[1:])
    found = next((ex for ex in exercises if (ex.id, ex.track) == (ident, track)), None)
    if not found:
        raise table.error("exercise", f"there is no exercise {ident} ({track}) in this lab")
    if not found.funcs:
        raise table.error("exercise", f"{found} has no function; mutants are wrong functions")
    for name in hint.split() or [hint]:
        if name not in [known.name for known in found.hints]:
            raise table.error("hint", f"exercise {found} has no hint {name!r}")
    return found, hint, why


def _func(table: Table, exercise: Exercise) -> Func:
    """The function to edit; `func` may be left out if the exercise has only one."""
    names = ", ".join(func.name for func in exercise.funcs)
    wanted = table.text("func", "")
    found = [func for func in exercise.funcs if wanted in ("", func.name, str(func))]
    if not found:
        raise table.error("func", f"exercise {exercise} has no function {wanted}; it has: {names}")
    if len(found) > 1:
        raise table.error("func", f"is missing; exercise {exercise} has several: {names}")
    return found[0]


def _list_of_edits(table: Table) -> tuple[Edit, ...]:
    """The value of `old` and `new`, or that of `edits`."""
    if "edits" not in table:
        return (_edit(table),)
    for key in ("old", "new"):
        table.refuse(key, "give either old and new, or edits")
    edits = []
    for number, values in enumerate(table.tables("edits"), 1):
        one = Table(f"{table.where}: edit {number}", values)
        edits.append(_edit(one))
        one.end()
    if not edits:
        raise table.error("edits", "is empty")
    return tuple(edits)


def _edit(table: Table) -> Edit:
    edit = Edit(table.raw("old").strip("\n"), table.raw("new").strip("\n"))
    if not edit.old:
        raise table.error("old", "is empty")
    if edit.old == edit.new:
        raise table.error("new", "is the same as old")
    return edit

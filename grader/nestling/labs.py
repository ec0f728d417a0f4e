"""The labs: what labs/*/lab.toml and labs/*/mutants/ say, checked.

Every mistake in these files is a UserError that names the file and the key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nestling import clex, splice
from nestling.errors import UserError

TRACKS = ("amd", "intel", "common")
KINDS = ("fill",)  # later also: repair, predict, guest
_ID = re.compile(r"[1-9][0-9]*\.[1-9][0-9]*")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MUTANT_KEYS = ("mutant", "exercise", "track", "hint", "why")


@dataclass(frozen=True)
class Func:
    """A function that a student writes: in the file `path` of the tree, in C or assembly."""

    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.name}"


@dataclass(frozen=True)
class Hint:
    """The likely mistake behind a failure: `text` applies if `match` is in a line of evidence."""

    name: str
    match: re.Pattern[str]
    text: str


@dataclass(frozen=True)
class Exercise:
    """One exercise on one track. `stub` is the tail of the starter's bodies, "" for none."""

    lab: int
    id: str
    track: str
    kind: str
    title: str
    funcs: tuple[Func, ...]
    points: int
    needs: tuple[str, ...]
    scenarios: tuple[str, ...]
    todo: str
    stub: str
    hints: tuple[Hint, ...]
    handout: str  # path of the lab's README.md

    def __str__(self) -> str:
        return f"{self.id} ({self.track})"

    def stub_of(self, func: Func) -> str:
        """The body of `func` in a starter."""
        return splice.stub(func.name, func.path, self.id, self.todo, self.handout, self.stub)


@dataclass(frozen=True)
class Mutant:
    """A known wrong body of one function of an exercise, and the hint it must provoke."""

    name: str
    exercise: str
    track: str
    hint: str
    why: str
    path: str
    func: Func
    text: str  # of the whole file; splice.take() finds the function in it


@dataclass(frozen=True)
class Lab:
    number: int
    title: str
    path: str  # of the folder, "labs/01-enter-guest"
    exercises: tuple[Exercise, ...]
    mutants: tuple[Mutant, ...]


def load(root: Path, check_functions: bool = True) -> tuple[Lab, ...]:
    """All labs of the tree `root`, in order.

    Args:
        check_functions: also make sure that each exercise's functions are there and that its
            stub fits. Not for a student's tree, which may be broken for good reasons.

    Raises:
        UserError: a file says something that makes no sense; the text names file and key.
    """
    files = sorted(root.glob("labs/*/lab.toml"))
    if not files:
        raise UserError(f"{root}: no labs here (labs/*/lab.toml); is this a Nestling tree?")
    labs = sorted((_load_lab(root, file) for file in files), key=lambda lab: lab.number)
    for lab, other in zip(labs, labs[1:]):
        if lab.number == other.number:
            raise UserError(f"{other.path}/lab.toml: number {other.number} is {lab.path}'s already")
    exercises = all_exercises(labs)
    for exercise in exercises:
        _check_needs(exercise, exercises)
    if check_functions:
        for exercise in exercises:
            for func in exercise.funcs:
                _check_function(root, exercise, func)
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


class _Table:
    """A table of a TOML file that is read key by key, with messages that name the place."""

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where = where
        self.values = dict(values)
        self.known: list[str] = []

    def error(self, key: str, problem: str) -> UserError:
        return UserError(f"{self.where}: {key}: {problem}")

    def get(self, key: str, kind: type, what: str, default: Any = None) -> Any:
        """The value of `key`; `default` None means that the key is required."""
        self.known.append(key)
        if key not in self.values:
            if default is None:
                raise self.error(key, "is missing")
            return default
        value = self.values.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(key, f"must be {what}, not {value!r}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value: str = self.get(key, str, "a text", default)
        if default is None and not value.strip():
            raise self.error(key, "is empty")
        return value.strip()

    def number(self, key: str) -> int:
        value: int = self.get(key, int, "a number")
        if value <= 0:
            raise self.error(key, f"must be positive, not {value}")
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def texts(self, key: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        values = self.get(key, list, "a list of texts", [])
        for value in values:
            if not isinstance(value, str) or not pattern.fullmatch(value):
                raise self.error(key, f"{value!r} is not acceptable here")
            if values.count(value) > 1:
                raise self.error(key, f"{value!r} is there twice")
        return tuple(values)

    def tables(self, key: str) -> list[dict[str, Any]]:
        values: list[Any] = self.get(key, list, "a list of tables", [])
        if not all(isinstance(value, dict) for value in values):
            raise self.error(key, "must be a list of tables")
        return values

    def end(self) -> None:
        """Refuse the keys that nobody asked for."""
        for key in self.values:
            close = difflib.get_close_matches(key, self.known, 1)
            advice = f"did you mean {close[0]}?" if close else f"known: {', '.join(self.known)}"
            raise self.error(key, f"unknown key; {advice}")


def _load_lab(root: Path, file: Path) -> Lab:
    path = file.relative_to(root).as_posix()
    try:
        table = _Table(path, tomllib.loads(clex.decode(file.read_bytes(), path)))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    folder = PurePosixPath(path).parent
    number = table.number("number")
    if not folder.name.startswith(f"{number:02}-"):
        raise table.error("number", f"{number} does not fit the folder's name {folder.name}")
    title = table.text("title")
    exercises = []
    for values in table.tables("exercise"):
        exercises.append(_load_exercise(path, number, values, f"{folder}/README.md"))
        ident = (exercises[-1].id, exercises[-1].track)
        for other in exercises[:-1]:
            if other.id == ident[0] and (other.track == ident[1] or "common" in (
                    other.track, ident[1])):
                raise UserError(f"{path}: exercise {exercises[-1]}: id: {other} is there already")
    table.end()
    exercises.sort(key=lambda exercise: (_order(exercise.id), TRACKS.index(exercise.track)))
    mutants = [_load_mutant(root, mutant, exercises)
               for mutant in sorted((root / folder / "mutants").glob("*.[cS]"))]
    names = [(mutant.exercise, mutant.track, mutant.name) for mutant in mutants]
    for mutant, name in zip(mutants, names):
        if names.count(name) > 1:
            raise UserError(f"{mutant.path}: mutant: the name {mutant.name} is there twice")
    return Lab(number, title, str(folder), tuple(exercises), tuple(mutants))


def _order(ident: str) -> tuple[int, ...]:
    return tuple(int(part) for part in ident.split("."))


def _load_exercise(path: str, lab: int, values: dict[str, Any], handout: str) -> Exercise:
    table = _Table(f"{path}: exercise {values.get('id', '?')} ({values.get('track', '?')})", values)
    ident = table.text("id")
    if not _ID.fullmatch(ident) or _order(ident)[0] != lab:
        raise table.error("id", f"must be like {lab}.1, not {ident!r}")
    todo = table.text("todo")
    if "*/" in todo:
        raise table.error("todo", "*/ would end the comment that it becomes")
    exercise = Exercise(
        lab=lab, id=ident, track=table.choice("track", TRACKS),
        kind=table.choice("kind", KINDS, "fill"), title=table.text("title"),
        funcs=_functions(table), points=table.number("points"), needs=table.texts("needs", _ID),
        scenarios=table.texts("scenarios", _NAME), todo=todo, stub=table.text("stub", ""),
        hints=tuple(_load_hint(table.where, hint) for hint in table.tables("hints")),
        handout=handout)
    names = [hint.name for hint in exercise.hints]
    if len(set(names)) < len(names):
        raise table.error("hints", f"a name is there twice: {', '.join(names)}")
    table.end()
    return exercise


def _functions(table: _Table) -> tuple[Func, ...]:
    """The value of `func` or `funcs`: "path:name", or a list of these."""
    key = "funcs" if "funcs" in table.values else "func"
    if {"func", "funcs"} <= table.values.keys():
        raise table.error("func", "give either func or funcs")
    pattern = re.compile(r"\w+(?:[/.-]\w+)*\.[cS]:[A-Za-z_]\w*", re.ASCII)
    if key == "func":
        texts: tuple[str, ...] = (table.text("func"),)
    else:
        texts = table.texts("funcs", pattern)
    if not texts or not all(pattern.fullmatch(text) for text in texts):
        raise table.error(key, f"must be like hv/hvm/svm.c:svm_run, not {', '.join(texts)!r}")
    return tuple(Func(*text.split(":")) for text in texts)


def _load_hint(where: str, values: dict[str, Any]) -> Hint:
    table = _Table(f"{where}: hint {values.get('name', '?')}", values)
    name = table.text("name")
    if not _NAME.fullmatch(name):
        raise table.error("name", f"must be small letters, digits and hyphens, not {name!r}")
    try:
        hint = Hint(name, re.compile(table.text("match")), table.text("text"))
    except re.error as error:
        raise table.error("match", f"bad regular expression: {error}") from None
    table.end()
    return hint


def _check_needs(exercise: Exercise, exercises: Iterable[Exercise]) -> None:
    """Each need must be an earlier exercise that a student of this track has.

    "Earlier" keeps the needs free of cycles. A common exercise may need one that exists on each
    track.
    """
    where = f"{PurePosixPath(exercise.handout).parent}/lab.toml: exercise {exercise}: needs"
    for ident in exercise.needs:
        tracks = {other.track for other in exercises if other.id == ident}
        if not ("common" in tracks or exercise.track in tracks or tracks == {"amd", "intel"}
                and exercise.track == "common"):
            raise UserError(f"{where}: there is no exercise {ident} on this track")
        if _order(ident) >= _order(exercise.id):
            raise UserError(f"{where}: {ident} is not an earlier exercise")


def _check_function(root: Path, exercise: Exercise, func: Func) -> None:
    """Raise UserError unless `func` is in the tree and its stub can replace it."""
    where = f"{PurePosixPath(exercise.handout).parent}/lab.toml: exercise {exercise}"
    try:
        text = clex.read(root / func.path, func.path)
        splice.find(text, func.name, func.path)
    except clex.Refused as error:
        raise UserError(f"{where}: func: {error}") from None
    try:
        splice.set_body(text, func.name, exercise.stub_of(func), func.path)
    except clex.Refused as error:
        raise UserError(f"{where}: stub: {error}") from None


def _load_mutant(root: Path, file: Path, exercises: Iterable[Exercise]) -> Mutant:
    """Read a mutant: a comment with its headers, then the function."""
    path = file.relative_to(root).as_posix()
    text = clex.read(file, path)
    headers = _headers(text, path)
    table = _Table(path, headers)
    name, ident, track, hint, why = (table.text(key) for key in _MUTANT_KEYS)
    table.end()
    found = [ex for ex in exercises if (ex.id, ex.track) == (ident, track)]
    if not found:
        raise table.error("exercise", f"there is no exercise {ident} ({track}) in this lab")
    if hint not in [known.name for known in found[0].hints]:
        raise table.error("hint", f"exercise {found[0]} has no hint {hint!r}")
    reasons = []
    for func in found[0].funcs:
        if PurePosixPath(func.path).suffix == file.suffix:
            try:
                splice.take(text, func.name, path)
                return Mutant(name, ident, track, hint, why, path, func, text)
            except clex.Refused as error:
                reasons.append(str(error))
    names = ", ".join(str(func) for func in found[0].funcs)
    raise UserError("; ".join(reasons) or f"{path}: has not the type of file of {names}")


def _headers(text: str, path: str) -> dict[str, str]:
    """The `key: value` lines of the first comment; a line without a key continues the last."""
    headers: dict[str, str] = {}
    key = ""
    for token in clex.lex(text, path)[:1]:
        for line in token.text.removesuffix("*/").split("\n"):
            line = line.strip().lstrip("/*").strip()
            match = re.match(r"([a-z]+):\s*(.*)", line)
            if match and match.group(1) in headers:
                raise UserError(f"{path}: {match.group(1)}: is there twice")
            if match and (match.group(1) in _MUTANT_KEYS or not key):
                key = match.group(1)
                headers[key] = match.group(2)
            elif line and key:
                headers[key] += " " + line
            elif line:
                raise UserError(f"{path}: the first comment must start with `mutant: NAME`")
    return headers

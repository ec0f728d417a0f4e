"""Reading a lab's folder: lab.toml, lab-amd.toml and lab-intel.toml, and what they name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from nestling import clex, mutants, splice
from nestling.errors import UserError
from nestling.exercise import KINDS, TRACKS, Break, Exercise, Func, Hint, Lab, order, same
from nestling.outline import outline
from nestling.table import FUNC, ID, NAME, Table, headers, read_toml

MAIN = "lab.toml"
TRACK_FILES = {"lab-amd.toml": "amd", "lab-intel.toml": "intel"}
BREAK_KEYS = ("break", "func", "track", "why")
GUEST = re.compile(r"guest/[^/]+\.c:\w+")


def load(root: Path, folder: str) -> Lab:
    """The lab in `folder`, "labs/01-enter-guest", of the tree `root`. Raises UserError."""
    path = f"{folder}/{MAIN}"
    table = read_toml(root, path)
    number = table.number("number")
    if not PurePosixPath(folder).name.startswith(f"{number:02}-"):
        raise table.error("number", f"{number} does not fit the folder's name "
                          f"{PurePosixPath(folder).name}")
    title = table.text("title")
    exercises = _exercises(root, table, number)
    for file in sorted((root / folder).glob("lab*.toml")):
        if file.name in TRACK_FILES:
            part = read_toml(root, f"{folder}/{file.name}")
            exercises += _exercises(root, part, number, TRACK_FILES[file.name])
        elif file.name != MAIN:
            raise UserError(f"{folder}/{file.name}: is none of a lab's files: "
                            f"{', '.join([MAIN, *TRACK_FILES])}")
    _check_unique(exercises)
    exercises.sort(key=lambda exercise: (order(exercise.id), TRACKS.index(exercise.track)))
    return Lab(number, title, folder, tuple(exercises), mutants.load(root, folder, exercises))


def _exercises(root: Path, table: Table, lab: int, track: str = "") -> list[Exercise]:
    """The exercises of one file; `track` is that of the file, "" in lab.toml."""
    found = []
    for values in table.tables("exercise"):
        name = f"{values.get('id', '?')} ({values.get('track', track or '?')})"
        one = Table(f"{table.where}: exercise {name}", values)
        found.append(_exercise(root, one, table.where, lab, track))
    table.end()
    return found


def _check_unique(exercises: Sequence[Exercise]) -> None:
    for index, one in enumerate(exercises):
        where = f"{one.file}: exercise {one}"
        for other in exercises[:index]:
            if one.id == other.id and (one.track == other.track
                                       or "common" in (one.track, other.track)):
                raise UserError(f"{where}: id: {other} is there already")
            if one.answer and one.answer == other.answer:
                raise UserError(f"{where}: answer: {one.answer} is {other}'s already")


def _exercise(root: Path, table: Table, path: str, lab: int, track: str) -> Exercise:
    folder = str(PurePosixPath(path).parent)
    ident = table.text("id")
    if not ID.fullmatch(ident) or order(ident)[0] != lab:
        raise table.error("id", f"must be like {lab}.1, not {ident!r}")
    own_track = table.choice("track", TRACKS, track or None)
    if track not in ("", own_track):
        raise table.error("track", f"everything in this file is for {track}")
    kind = table.choice("kind", KINDS, "fill")
    exercise = Exercise(
        lab=lab, id=ident, track=own_track, kind=kind, title=table.text("title"),
        funcs=_functions(table, kind), points=table.number("points"),
        needs=table.texts("needs", ID), scenarios=table.texts("scenarios", NAME),
        todo=_todo(table, kind), stub=_stub(table, kind),
        hints=tuple(_hint(table.where, hint) for hint in table.tables("hints")),
        handout=f"{folder}/README.md", file=path,
        answer=table.file("answer", folder, [".txt"]) if kind == "predict" else "",
        broken=table.file("broken", folder, [".c", ".S"]) if kind == "repair" else "")
    names = [hint.name for hint in exercise.hints]
    if len(set(names)) < len(names):
        raise table.error("hints", f"a name is there twice: {', '.join(names)}")
    if kind == "predict" and len(exercise.scenarios) != 1:
        raise table.error("scenarios", "must name one scenario, whose exits are to be predicted")
    if kind == "repair":
        exercise = dataclasses.replace(exercise, broken_text=_broken(root, table, exercise))
    if kind == "guest":
        exercise = dataclasses.replace(exercise, breaks=_breaks(root, table, exercise))
    table.end()
    return exercise


def _functions(table: Table, kind: str) -> tuple[Func, ...]:
    """The value of `func` or `funcs`: "path:name", or a list of these."""
    if kind == "predict":
        for key in ("func", "funcs"):
            table.refuse(key, "a predict exercise has an answer, and no function")
        return ()
    key = "funcs" if "funcs" in table else "func"
    if "func" in table and "funcs" in table:
        raise table.error("func", "give either func or funcs")
    texts = (table.text("func"),) if key == "func" else table.texts("funcs", FUNC)
    if not texts or not all(FUNC.fullmatch(text) for text in texts):
        raise table.error(key, f"must be like hv/hvm/svm.c:svm_run, not {', '.join(texts)!r}")
    if kind == "guest" and not all(GUEST.fullmatch(text) for text in texts):
        raise table.error(key, f"must be like guest/hello.64.c:main, not {', '.join(texts)!r}")
    return tuple(Func(*text.split(":")) for text in texts)


def _todo(table: Table, kind: str) -> str:
    if kind == "repair":
        table.refuse("todo", "the starter of a repair exercise is its broken function")
        return ""
    if kind == "predict":
        table.refuse("todo", "the starter of a predict exercise is its stub; say it there")
        return ""
    todo = table.text("todo")
    if "*/" in todo:
        raise table.error("todo", "*/ would end the comment that it becomes")
    return todo


def _stub(table: Table, kind: str) -> str:
    if kind == "repair":
        table.refuse("stub", "the starter of a repair exercise is its broken function")
        return ""
    return table.text("stub", None if kind == "predict" else "")


def _hint(where: str, values: dict[str, object]) -> Hint:
    table = Table(f"{where}: hint {values.get('name', '?')}", values)
    try:
        hint = Hint(table.name("name"), re.compile(table.text("match")), table.text("text"))
    except re.error as error:
        raise table.error("match", f"bad regular expression: {error}") from None
    table.end()
    return hint


def _broken(root: Path, table: Table, exercise: Exercise) -> str:
    """The text of the file `broken`: the exercise's functions, and nothing else."""
    path = exercise.broken
    if {PurePosixPath(name).suffix for name in exercise.paths} != {PurePosixPath(path).suffix}:
        raise table.error("broken", f"{path} has not the type of file of "
                          f"{', '.join(exercise.places)}")
    try:
        text = clex.read(root / path, path)
        for func in exercise.funcs:
            splice.take(text, func.name, path)
        more = outline(text, path).declared().keys() - {func.name for func in exercise.funcs}
    except clex.Refused as error:
        raise table.error("broken", str(error)) from None
    if more:
        raise table.error("broken", f"{path} has {min(more)}, which is no function of {exercise}")
    return text


def _breaks(root: Path, table: Table, exercise: Exercise) -> tuple[Break, ...]:
    """The breaks of a guest exercise; there must be one for each track that it is on."""
    folder = PurePosixPath(exercise.file).parent
    files = table.texts("breaks", re.compile(r".*"))
    found: list[Break] = []
    for file in files:
        table.check_file("breaks", file, [".c", ".S"])
        found.append(_break(root, f"{folder}/{file}"))
        if exercise.track != "common" and found[-1].track not in (exercise.track, "common"):
            raise table.error("breaks", f"{found[-1].path} is for {found[-1].track}, where this "
                              "exercise is not")
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise table.error("breaks", f"a name is there twice: {', '.join(names)}")
    for track in ("amd", "intel") if exercise.track == "common" else (exercise.track,):
        if not any(one.track in (track, "common") for one in found):
            raise table.error("breaks", f"there must be at least one for {track}")
    return tuple(found)


def _break(root: Path, path: str) -> Break:
    """Read a break: a comment with its headers, then the function."""
    text = clex.read(root / path, path)
    table = headers(text, path, BREAK_KEYS)
    name, func, why = table.name("break"), table.text("func"), table.text("why")
    track = table.choice("track", TRACKS)
    if not FUNC.fullmatch(func):
        raise table.error("func", f"must be like hv/hvm/svm.c:svm_run, not {func!r}")
    table.end()
    one = Break(name, track, Func(*func.split(":")), path, text, why)
    one.piece()
    return one


def check_needs(exercise: Exercise, exercises: Iterable[Exercise]) -> None:
    """Each need must be an earlier exercise that a student of this track has.

    "Earlier" keeps the needs free of cycles. A common exercise may need one that exists on each
    track.
    """
    where = f"{exercise.file}: exercise {exercise}: needs"
    for ident in exercise.needs:
        tracks = {other.track for other in exercises if other.id == ident}
        if not ("common" in tracks or exercise.track in tracks or tracks == {"amd", "intel"}
                and exercise.track == "common"):
            raise UserError(f"{where}: there is no exercise {ident} on this track")
        if order(ident) >= order(exercise.id):
            raise UserError(f"{where}: {ident} is not an earlier exercise")


def check_breaks(exercise: Exercise, exercises: Iterable[Exercise]) -> None:
    """A student may not have to write what a break replaces."""
    owners = {func: other for other in exercises for func in other.funcs}
    for one in exercise.breaks:
        if one.func in owners:
            raise UserError(f"{one.path}: func: {one.func} is a function of exercise "
                            f"{owners[one.func]}; break given code")


def check_functions(root: Path, exercise: Exercise) -> None:
    """Raise UserError unless the functions are in the tree, and stubs and breaks fit in."""
    where = f"{exercise.file}: exercise {exercise}"
    for func in exercise.funcs:
        try:
            text = clex.read(root / func.path, func.path)
            splice.find(text, func.name, func.path)
        except clex.Refused as error:
            raise UserError(f"{where}: func: {error}") from None
        try:
            if exercise.broken:
                piece = splice.take(exercise.broken_text, func.name, exercise.broken)
                splice.put(text, func.name, dataclasses.replace(piece, helpers=()), func.path)
            else:
                splice.set_body(text, func.name, exercise.stub_of(func), func.path)
        except clex.Refused as error:
            key = "broken" if exercise.broken else "stub"
            raise UserError(f"{where}: {key}: {error}") from None
    for one in exercise.breaks:
        try:
            path = one.func.path
            text = clex.read(root / path, path)
            changed = splice.put(text, one.func.name, one.piece(), path)
        except clex.Refused as error:
            raise UserError(f"{one.path}: func: {error}") from None
        if splice.tokens(changed, path) == splice.tokens(text, path):
            raise UserError(f"{one.path}: func: {one.func} is as in the tree, not broken")


def check_reference(root: Path, exercise: Exercise) -> None:
    """Raise UserError if what a starter has is what the project `root` has."""
    if exercise.kind not in ("repair", "predict"):
        return
    where = f"{exercise.file}: exercise {exercise}: {'answer' if exercise.answer else 'broken'}"
    try:
        right = same(exercise.written(root), exercise.stubs, exercise.paths)
    except clex.Refused as error:
        raise UserError(f"{where}: {error}") from None
    if right:
        raise UserError(f"{where}: a starter would have the solution")

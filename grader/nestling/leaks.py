"""Does a student's tree have anything that gives a solution away?

Compares words, so that other layout or comments don't hide a copy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from nestling import clex, splice
from nestling.errors import UserError
from nestling.exercise import Exercise, Lab, meaning

SHORT = 16  # tokens; a shorter body (`return 0;`) says nothing wherever else it is found


def check(root: Path, known: Iterable[Lab], tree: Path) -> None:
    """Raise UserError if a file of `tree` has a solution of the project `root`, or a mutant."""
    secrets = list(dict.fromkeys(_all_secrets(root, known)))
    for file in sorted(tree.rglob("*")):
        name = file.relative_to(tree).as_posix()
        if not file.is_file() or name.startswith(".git/"):
            continue
        views = _views(file, name)
        for what, words in secrets:
            if any(words in view for view in views):
                raise UserError(f"{name}: contains {what}; no starter was made")


def _all_secrets(root: Path, known: Iterable[Lab]) -> Iterator[tuple[str, str]]:
    for lab in known:
        for exercise in lab.exercises:
            yield from _solution(root, exercise)
        for mutant in lab.mutants:
            piece = mutant.piece(root)
            yield from _secrets(f"the mutant {mutant.name}", piece.body, mutant.func.path)


def _solution(root: Path, exercise: Exercise) -> Iterator[tuple[str, str]]:
    if exercise.answer:
        text, = exercise.written(root)
        yield from _secrets(f"the answer of {exercise}", text, exercise.answer)
    for func, text, stub in zip(exercise.funcs, exercise.written(root), exercise.stubs):
        if splice.tokens(text, func.path) != splice.tokens(stub, func.path):
            yield from _secrets(f"the solution of {exercise}, {func.name}", text, func.path)


def _secrets(what: str, text: str, path: str) -> Iterator[tuple[str, str]]:
    """What to look for: the words of a text, with and without comments, unless it is short."""
    inner = text.strip("{}") if path.endswith(".c") else text
    words = _words(" ".join(meaning(inner, path)))
    if len(words.split()) >= SHORT:
        yield what, _words(inner)
        yield what, words


def _views(file: Path, name: str) -> list[str]:
    """The words of a file: as it is; of C and assembly also without comments; JSON's texts."""
    text = file.read_bytes().decode("utf-8", "replace")
    views = [_words(text)]
    try:
        if file.suffix in (".c", ".h", ".S"):
            views.append(_words(" ".join(splice.tokens(text, name))))
        elif file.suffix == ".json":
            views += map(_words, _texts(json.loads(text)))
        else:
            views.append(_words(" ".join(meaning(text, name))))
    except (clex.Refused, ValueError):
        pass  # neither code nor JSON after all; the first view must do
    return views


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _words(text: str) -> str:
    return " ".join(["", *re.findall(r"[A-Za-z0-9_]+|[^\sA-Za-z0-9_]", text), ""])

"""What a lab consists of: exercises, their functions and hints, and known wrong solutions.

An exercise is of one of four kinds:

fill     write the body of a function; the starter has a stub that stops loudly
repair   find the mistake in a function; the starter has the broken body
predict  write down what will happen, in a text file; the starter has an empty form
guest    write the body of a guest's function; it must notice each break of the hypervisor
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nestling import clex, splice
from nestling.errors import UserError

TRACKS = ("amd", "intel", "common")
KINDS = ("fill", "repair", "predict", "guest")


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
class Break:
    """A function of the hypervisor that is wrong on purpose, for a student's guest to notice."""

    name: str
    track: str
    func: Func
    path: str
    text: str  # of the whole file; piece() finds the function in it
    why: str

    def piece(self) -> splice.Piece:
        """The wrong body. Raises Refused."""
        return splice.take(self.text, self.func.name, self.path)


@dataclass(frozen=True)
class Exercise:
    """One exercise on one track. `stub` is the tail of the starter's bodies, "" for none.

    Of a predict exercise `stub` is the starter's text, and there are no functions.
    """

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
    file: str = ""  # path of the TOML file that tells all this
    answer: str = ""  # predict: path of the file that the student edits
    broken: str = ""  # repair: path of the file with the broken functions ...
    broken_text: str = ""  # ... and what is in it
    breaks: tuple[Break, ...] = ()

    def __str__(self) -> str:
        return f"{self.id} ({self.track})"

    @property
    def paths(self) -> tuple[str, ...]:
        """The file of each function, or that of the answer."""
        return tuple(func.path for func in self.funcs) if self.funcs else (self.answer,)

    @property
    def places(self) -> tuple[str, ...]:
        """Where a student writes, for people to read."""
        return tuple(map(str, self.funcs)) if self.funcs else (self.answer,)

    @property
    def stubs(self) -> tuple[str, ...]:
        """What a starter has in place of each function's body, or of the answer."""
        if self.answer:
            return (f"{self.stub}\n",)
        return tuple(self.stub_of(func) for func in self.funcs)

    def written(self, root: Path) -> tuple[str, ...]:
        """What the tree `root` has in place of each function's body, or of the answer.

        Raises Refused.
        """
        if self.answer:
            return (clex.read(root / self.answer, self.answer),)
        return tuple(splice.body(clex.read(root / func.path, func.path), func.name, func.path)
                     for func in self.funcs)

    def stub_of(self, func: Func) -> str:
        """The body of `func` in a starter."""
        if self.broken:
            return splice.body(self.broken_text, func.name, self.broken)
        return splice.stub(func.name, func.path, self.id, self.todo, self.handout, self.stub,
                           stops=self.kind != "guest")


@dataclass(frozen=True)
class Edit:
    """A change of a function's body: `old`, which is in it exactly once, becomes `new`."""

    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A known wrong body of one function of an exercise, and the hint it must provoke.

    It is either a whole function in a file of its own, then `text` is that file's, or a list of
    edits of the reference body.
    """

    name: str
    exercise: str
    track: str
    hint: str
    why: str
    path: str
    func: Func
    text: str = ""
    edits: tuple[Edit, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: mutant {self.name}"

    def piece(self, root: Path) -> splice.Piece:
        """The wrong body, with its helpers; edits are those of the body in the project `root`.

        Raises UserError if an edit does not fit, or the result is not one whole body.
        """
        if self.text:
            return splice.take(self.text, self.func.name, self.path)
        try:
            text = clex.read(root / self.func.path, self.func.path)
            span = splice.find(text, self.func.name, self.func.path)
            body = self._edited(text[span.body:span.body_end])
            text = text[:span.body] + body + text[span.body_end:]
            return splice.take(text, self.func.name, self.func.path, text)
        except clex.Refused as error:
            raise UserError(f"{self}: {error}") from None

    def _edited(self, body: str) -> str:
        """`body` after all edits, each of which is about the original's text."""
        spans: list[tuple[int, int, str]] = []
        for edit in self.edits:
            count = body.count(edit.old)
            if count != 1:
                raise UserError(f"{self}: old: {edit.old!r} is {count} times in the body of "
                                f"{self.func}, not exactly once")
            at = body.index(edit.old)
            spans.append((at, at + len(edit.old), edit.new))
        spans.sort()
        for before, after in zip(spans, spans[1:]):
            if before[1] > after[0]:
                raise UserError(f"{self}: edits: {body[after[0]:after[1]]!r} overlaps another one")
        for start, end, new in reversed(spans):
            body = body[:start] + new + body[end:]
        return body


@dataclass(frozen=True)
class Lab:
    number: int
    title: str
    path: str  # of the folder, "labs/01-enter-guest"
    exercises: tuple[Exercise, ...]
    mutants: tuple[Mutant, ...]


def order(ident: str) -> tuple[int, ...]:
    """A key that sorts the ids of exercises: 1.10 comes after 1.9."""
    return tuple(int(part) for part in ident.split("."))


def meaning(text: str, path: str) -> tuple[str, ...]:
    """What counts of a body or an answer: equal if only comments and layout differ.

    Raises Refused.
    """
    if PurePosixPath(path).suffix in (".c", ".S"):
        return splice.tokens(text, path)
    lines = [" ".join(line.partition("#")[0].split()) for line in text.split("\n")]
    return tuple(line for line in lines if line)


def same(texts: Iterable[str], others: Iterable[str], paths: Iterable[str]) -> bool:
    """Do the bodies or answers in `paths` mean the same? Raises Refused."""
    return all(meaning(text, path) == meaning(other, path)
               for text, other, path in zip(texts, others, paths))

"""What can be left out of a function's body, one piece at a time.

Tests that are worth something notice when any one statement of the code is missing. So here are
all the single deletions of a body:

    statement      an expression statement, return, break, continue, goto; an if, for, while, do or
                   switch as a whole, and each of the statements within
    element        an element of an initialiser, or a row of a table
    instruction    of assembly: a line's instruction; no labels, directives, comments

Declarations stay, since what they declare is used. A deletion need not compile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nestling import splice
from nestling.outline import Outline, outline

KINDS = ("statement", "element", "instruction")
NOTHING = {"statement": ";", "element": "", "instruction": ""}  # what takes the deleted one's place

_BLOCKS = {"if", "for", "while", "switch"}
_TAGS = {"struct", "union", "enum"}
_TYPES = _TAGS | {"const", "static", "volatile", "unsigned", "signed", "void", "bool", "char",
                  "short", "int", "long", "register", "typeof", "__typeof__", "__auto_type"}
_NO_TYPES = {"return", "goto", "asm", "__asm", "__asm__"}  # statements that start with two words


@dataclass(frozen=True)
class Deletion:
    """One piece of a function that is left out: `text`, from `line` of the function's file."""

    kind: str
    line: int
    text: str
    body: str  # the function's body without it

    def words(self, path: str) -> tuple[str, ...]:
        """What is deleted, as splice.tokens(): layout and comments make no difference."""
        return splice.tokens(self.text, path)


def deletions(text: str, name: str, path: str) -> list[Deletion]:
    """All single deletions in the body of `name`, in their order; the outer before the inner.

    `text` is the whole file, assembly if `path` ends in ".S". Raises Refused if there is no such
    function.
    """
    span = splice.find(text, name, path)
    source = outline(text, path)
    inside = [at for at, token in enumerate(source.code)
              if span.body <= token.start < span.body_end]
    parts = (_instructions(source, inside) if path.endswith(".S")
             else _Body(source).parts(inside[0]))
    found = []
    for kind, first, end in sorted(parts, key=lambda part: (part[1], -part[2])):
        start, stop = source.code[first].start, source.code[end - 1].end
        found.append(Deletion(kind, source.code[first].line, text[start:stop].rstrip(","),
                              text[span.body:start] + NOTHING[kind] + text[stop:span.body_end]))
    return found


Part = tuple[str, int, int]  # kind; first token in Outline.code, and the one behind the last


def _instructions(source: Outline, inside: list[int]) -> Iterator[Part]:
    """The instructions among the tokens `inside` a function of an assembly file."""
    code = source.code
    starts = [at for at in inside if code[at].first or code[at - 1].text == ";"]
    for first, end in zip(starts, [*starts[1:], inside[-1] + 1 if inside else 0]):
        if code[end - 1].text == ";":
            end -= 1
        while end - first >= 2 and code[first + 1].text == ":":
            first += 2  # a label
        if first < end and not code[first].text.startswith("."):
            yield "instruction", first, end


class _Body:
    """The parts of a C function's body. Positions are indexes into Outline.code."""

    def __init__(self, source: Outline) -> None:
        self.code = source.code
        self.pairs = source.pairs
        self.found: list[Part] = []

    def parts(self, brace: int) -> list[Part]:
        """All of them, in the body that the `{` at `brace` opens."""
        self.block(brace)
        return self.found

    def block(self, brace: int) -> None:
        at = brace + 1
        while at < self.pairs[brace]:
            at = self.statement(at)

    def statement(self, at: int) -> int:
        """Look at the statement that starts here; the position behind it."""
        text = self.code[at].text
        if text == "{":
            self.block(at)
            return self.pairs[at] + 1
        if text == ";":
            return at + 1
        if (colon := self.label(at)) is not None:
            return self.statement(colon + 1)
        if text == "do":
            end = self.pairs[self.statement(at + 1) + 1] + 2  # behind `while (...);`
            return self.part("statement", at, end)
        if self.has_block(at):
            return self.compound(at)
        end = self.find(at, ";") + 1
        self.expression(at, end - 1)
        return end if self.declares(at) else self.part("statement", at, end)

    def compound(self, at: int) -> int:
        """An if, a switch, a loop, or a macro that makes one."""
        condition = at + 1
        self.expression(condition, self.pairs[condition])
        end = self.statement(self.pairs[condition] + 1)
        if self.code[at].text == "if" and self.code[end].text == "else":
            end = self.statement(end + 1)
        return self.part("statement", at, end)

    def expression(self, first: int, end: int) -> None:
        """Look for initialisers and statement expressions."""
        at = first
        while at < end:
            if self.code[at].text != "{":
                at += 1
                continue
            before = [token.text for token in self.code[at - 2:at]]
            if before[-1] == "(":
                self.block(at)
            elif not _TAGS & set(before):  # the type in a declaration
                self.initialiser(at)
            at = self.pairs[at] + 1

    def initialiser(self, brace: int) -> None:
        """Its elements. One that stands alone without a name is taken for the zero in `{ 0 }`."""
        close, first = self.pairs[brace], brace + 1
        elements = []
        while first < close:
            comma = self.find(first, ",", close)
            elements.append((first, comma))
            first = comma + 1
        for first, end in elements:
            self.expression(first, end)
            if len(elements) > 1 or self.code[first].text in (".", "[", "{"):
                self.part("element", first, min(end + 1, close))

    def part(self, kind: str, first: int, end: int) -> int:
        self.found.append((kind, first, end))
        return end

    def find(self, at: int, text: str, end: int | None = None) -> int:
        """The next `text` outside of brackets, or `end`."""
        while at != end and self.code[at].text != text:
            at = self.pairs.get(at, at) + 1
        return at

    def label(self, at: int) -> int | None:
        """Where the colon is, if this is a label."""
        token = self.code[at]
        if token.text == "case":
            questions = 0
            while (text := self.code[at].text) != ":" or questions:
                questions += {"?": 1, ":": -1}.get(text, 0)
                at = self.pairs.get(at, at) + 1
            return at
        return at + 1 if token.kind == "word" and self.code[at + 1].text == ":" else None

    def has_block(self, at: int) -> bool:
        """Does the statement have others within, as `if` does?"""
        token = self.code[at]
        if token.kind != "word" or token.text in _NO_TYPES or self.code[at + 1].text != "(":
            return False
        return token.text in _BLOCKS or self.code[self.pairs[at + 1] + 1].text == "{"

    def declares(self, at: int) -> bool:
        """Is the statement a declaration?"""
        first, second = self.code[at], self.code[at + 1]
        if first.kind != "word" or first.text in _NO_TYPES:
            return False
        return first.text in _TYPES or second.kind == "word" or second.text == "*"

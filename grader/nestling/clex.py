"""Tokens of C and of assembly files, just as far as the splice library needs them.

The lexer is strict on purpose. It decides where a hostile submission's braces are, so whatever a
compiler might read in another way (trigraphs, digraphs, raw strings, line continuations in odd
places, invisible characters) is refused, with a reason, instead of understood.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from nestling.errors import UserError

MAX_FILE = 1 << 20  # bytes
Kind = Literal["word", "number", "string", "char", "mark", "comment", "directive"]


class Refused(UserError):
    """A source file, or a piece of it, is not acceptable: where, and why in plain words."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Token:
    """One token and its place: text[start:end], on `line` (from 1).

    A directive is one token; its `text` is the logical line, with continuations joined and
    comments gone. Every other token's `text` is the source's. `first` marks the first token of a
    line; comments before it don't count, as for the preprocessor.
    """

    kind: Kind
    text: str
    start: int
    end: int
    line: int
    first: bool


_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASM_WORD = re.compile(r"\.?[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"\.?[0-9][A-Za-z0-9_.]*")
_QUOTED = {quote: re.compile(rf"{quote}(?:[^{quote}\\\n]|\\[^\n])*{quote}") for quote in "\"'"}
_MARK = re.compile(
    r"\.\.\.|<<=|>>=|->|\+\+|--|<<|>>|&&|\|\||##|[-+*/%&|^<>=!]=|[-+*/%&|^<>=!~?:;,.(){}\[\]#]"
)
_DIGRAPH = re.compile(r"<:|:>|<%|%>|%:")
_TRIGRAPH = re.compile(r"\?\?[=/'()!<>-]")
_CONTINUATION = re.compile(r"\\[ \t]*\n")  # gcc joins the lines even if blanks follow the "\"
_SPLIT_COMMENT_END = re.compile(r"\*(?:\\[ \t]*\n)+/")
_ODD = re.compile(r"[^\n\t -~]")
_STRING_PREFIXES = {"L", "u", "U", "u8", "R", "LR", "uR", "UR", "u8R"}


def decode(data: bytes, path: str) -> str:
    """Bytes of a source file as text. CR LF becomes LF, nothing else is repaired.

    Raises Refused for what is not UTF-8, and for more than MAX_FILE bytes.
    """
    if len(data) > MAX_FILE:
        raise Refused(path, 1, f"the file has {len(data)} bytes; the limit is {MAX_FILE}")
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused(path, line, f"byte 0x{data[error.start]:02x} is not UTF-8") from None


def read(file: Path, path: str) -> str:
    """Text of `file`, called `path` in messages. Raises Refused, also if it can't be read."""
    try:
        return decode(file.read_bytes(), path)
    except OSError as error:
        raise Refused(path, 1, f"can't read the file: {error.strerror}") from None


def lex(text: str, path: str) -> list[Token]:
    """All tokens of `text`; it is assembly if `path` ends in ".S". Raises Refused."""
    _check_characters(text, path)
    return list(_Lexer(text, path).tokens())


def _check_characters(text: str, path: str) -> None:
    """Refuse what an editor hides, and what stands for another character."""
    for match in _ODD.finditer(text):
        char = match.group()
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            line = text.count("\n", 0, match.start()) + 1
            raise Refused(path, line, f"invisible or control character U+{ord(char):04X}")
    if trigraph := _TRIGRAPH.search(text):
        line = text.count("\n", 0, trigraph.start()) + 1
        raise Refused(path, line, f"the trigraph {trigraph.group()} is not accepted")


class _Lexer:
    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.asm = path.endswith(".S")
        self.at = 0
        self.line = 1
        self.first = True  # no token on this line yet

    def refuse(self, reason: str) -> NoReturn:
        raise Refused(self.path, self.line, reason)

    def tokens(self) -> Iterator[Token]:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\n":
                self.first = True
                self.line += 1
                self.at += 1
            elif char in " \t":
                self.at += 1
            else:
                yield self._token(char)

    def _token(self, char: str) -> Token:
        start, line, first = self.at, self.line, self.first
        kind, text = self._scan(char)
        self.line += self.text.count("\n", start, self.at)
        self.first = first and kind == "comment"
        return Token(kind, text, start, self.at, line, first)

    def _scan(self, char: str) -> tuple[Kind, str]:
        """Move past one token; its kind and text."""
        if char == "#" and self.first:
            return "directive", self._directive()
        if char in "\"'":
            return ("string" if char == '"' else "char"), self._quoted()
        if self.text.startswith(("/*", "//"), self.at):
            return "comment", self._comment()
        if _DIGRAPH.match(self.text, self.at):
            self.refuse(f"the digraph {self.text[self.at:self.at + 2]} is not accepted")
        if _CONTINUATION.match(self.text, self.at):
            self.refuse('a line may end in "\\" only within a macro definition')
        if self.asm and char == "#":
            self.refuse("write comments as /* */ or //; # belongs to the preprocessor")
        if match := _NUMBER.match(self.text, self.at):
            return "number", self._take(match)
        if match := (_ASM_WORD if self.asm else _WORD).match(self.text, self.at):
            if match.group() in _STRING_PREFIXES and self.text[match.end():][:1] in ('"', "'"):
                self.refuse(f"only plain strings and characters are accepted, without "
                            f"the prefix {match.group()}")
            return "word", self._take(match)
        if match := _MARK.match(self.text, self.at):
            return "mark", self._take(match)
        if self.asm and char in "$@\\":
            self.at += 1
            return "mark", char
        self.refuse(f"the character {char!r} can't stand here")

    def _take(self, match: re.Match[str]) -> str:
        self.at = match.end()
        return match.group()

    def _quoted(self) -> str:
        quote = self.text[self.at]
        match = _QUOTED[quote].match(self.text, self.at)
        if not match:
            self.refuse(f"the closing {quote} is missing on this line")
        return self._take(match)

    def _comment(self) -> str:
        start = self.at
        if self.text.startswith("//", start):
            end = self.text.find("\n", start)
            self.at = len(self.text) if end < 0 else end
            if self.text[start:self.at].rstrip(" \t").endswith("\\"):
                self.refuse('a // comment that ends in "\\" swallows the next line')
        else:
            end = self.text.find("*/", start + 2)
            if end < 0:
                self.refuse("this comment is never closed")
            self.at = end + 2
            if _SPLIT_COMMENT_END.search(self.text, start, self.at):
                self.refuse("the comment has a */ that is split over two lines")
        return self.text[start:self.at]

    def _directive(self) -> str:
        """Move past a directive, up to the newline that ends it; its logical line."""
        clean = []
        while self.at < len(self.text) and (char := self.text[self.at]) != "\n":
            if match := _CONTINUATION.match(self.text, self.at):
                around = self.text[self.at - 1] + self.text[match.end():][:1]
                if len(around) == 2 and not set(around) & set(" \t\n"):
                    self.refuse('the "\\" at the end of the line may not split a word')
                self.at = match.end()
                clean.append(" ")
            elif char in "\"'":
                clean.append(self._quoted())
            elif self.text.startswith(("/*", "//"), self.at):
                self._comment()
                clean.append(" ")
            elif _DIGRAPH.match(self.text, self.at):
                self.refuse(f"the digraph {self.text[self.at:self.at + 2]} is not accepted")
            else:
                clean.append(char)
                self.at += 1
        return "".join(clean).strip()

"""The outline of a source file: what is defined at file scope, and from where to where.

For C this is bracket matching with knowledge of the preprocessor: code under `#if 0` does not
exist, and each branch of any other conditional must balance on its own. For assembly it is the
functions between `FUNC(name)` and `END(name)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nestling.clex import Refused, Token, lex

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_DIRECTIVE = re.compile(r"#\s*([a-z]+)\s*(.*)", re.DOTALL)
_TAGS = {"struct", "union", "enum"}
_DEFINE = re.compile(r"#\s*define\s+(\w+)")
_NO_NAMES = {"__attribute__", "__attribute", "__declspec", "asm", "__asm", "__asm__"}


@dataclass(frozen=True)
class Item:
    """A definition or declaration at file scope. Its tokens are outline.code[first:last + 1].

    For a function (in C or assembly) `name` is set, and the body is text[body_start:body_end]:
    in C with its braces, in assembly the lines between FUNC and END. `head` is everything before
    the body, or before the "=" of an initialiser. `guarded`: an #if decides whether it exists.
    """

    first: int
    last: int
    line: int
    head: tuple[str, ...]
    name: str | None = None
    body_start: int = 0
    body_end: int = 0
    guarded: bool = False


@dataclass(frozen=True)
class Outline:
    """A parsed file: all its tokens, those the compiler may see (`code`), and the items."""

    path: str
    text: str
    tokens: list[Token]
    code: list[Token]
    pairs: dict[int, int]  # index of an opening bracket in `code` -> index of its closing one
    items: list[Item]

    def words(self, item: Item) -> tuple[str, ...]:
        """The texts of the tokens of `item`; equal if only comments and blanks differ."""
        return tuple(token.text for token in self.code[item.first:item.last + 1])

    def declares(self, item: Item) -> list[str]:
        """The names that `item` brings to file scope: also tags and enumerators, no members."""
        if item.name:
            return [item.name]
        if len(item.head) == 2 and item.head[0] in _TAGS:
            return []  # only announces a tag
        names: list[str] = []
        last, value = "", False  # last word of a declarator, and are we behind its "="?
        at = item.first
        while at <= item.last:
            token, inside = self.code[at], self.code[at + 1:self.pairs.get(at, at)]
            if token.text in (",", ";"):
                names += [last] if last else []
                last, value = "", False
            elif token.text == "=" or value:
                value = True
            elif token.kind == "word" and token.text not in _NO_NAMES:
                last = token.text if at > item.first else ""
            elif token.text == "(" and inside and inside[0].text == "*":
                last = next((t.text for t in inside if t.kind == "word" and t.text != "const"), "")
            elif token.text == "{":
                names += [last] if last not in _TAGS | {""} else []
                if "enum" in item.head:
                    names += [t.text for before, t in zip([token, *inside], inside)
                              if t.kind == "word" and before.text in ("{", ",")]
                last = ""
            at = self.pairs.get(at, at) + 1
        return names

    def declared(self) -> dict[str, int]:
        """All names that the file declares at file scope or as macros, with their lines."""
        names: dict[str, int] = {}
        for item in self.items:
            for name in self.declares(item):
                names.setdefault(name, item.line)
        for token in self.tokens:
            if token.kind == "directive" and (match := _DEFINE.match(token.text)):
                names.setdefault(match.group(1), token.line)
        return names

    def within(self, start: int, end: int) -> list[Token]:
        """All tokens of text[start:end], with comments and directives."""
        return [token for token in self.tokens if start <= token.start < end]

    def start(self, item: Item) -> int:
        """Where `item` starts, with the comments that belong to it: no blank line between."""
        start = self.code[item.first].start
        before = [token for token in self.tokens if token.end <= start]
        while before and before[-1].kind == "comment" and before[-1].first and (
                self.text.count("\n", before[-1].end, start) <= 1):
            start = before.pop().start
        while start and self.text[start - 1] in " \t":
            start -= 1
        return start

    def end(self, item: Item) -> int:
        """The offset just behind `item`."""
        return self.code[item.last].end


@lru_cache(maxsize=64)
def outline(text: str, path: str) -> Outline:
    """Parse `text`; as assembly if `path` ends in ".S". Raises Refused."""
    tokens = lex(text, path)
    code, pairs, guarded = _structure(tokens, path)
    items = _asm_items if path.endswith(".S") else _c_items
    return Outline(path, text, tokens, code, pairs, list(items(code, pairs, guarded, path)))


@dataclass
class _Branch:
    """An open #if: whether the present branch is dead, or certain to be compiled."""

    line: int
    depth: int
    value: bool | None
    dead: bool
    had_else: bool = False


def _structure(
    tokens: Sequence[Token], path: str
) -> tuple[list[Token], dict[int, int], set[int]]:
    """Drop comments, directives and dead code; match brackets.

    Returns the code, the bracket pairs, and the indexes of the code whose life depends on an #if.
    """
    code: list[Token] = []
    pairs: dict[int, int] = {}
    guarded: set[int] = set()
    opened: list[int] = []
    branches: list[_Branch] = []
    for token in tokens:
        if token.kind == "directive":
            _conditional(token, branches, len(opened), path)
        elif token.kind != "comment" and not any(branch.dead for branch in branches):
            if any(branch.value is None for branch in branches):
                guarded.add(len(code))
            if token.text in _CLOSING:
                opened.append(len(code))
            elif token.text in _CLOSING.values():
                if len(opened) <= max((branch.depth for branch in branches), default=0):
                    raise Refused(path, token.line, f"nothing here is closed by this {token.text}")
                if _CLOSING[code[opened[-1]].text] != token.text:
                    other = code[opened[-1]]
                    raise Refused(path, token.line, f"the {other.text} of line {other.line} "
                                  f"can't be closed by {token.text}")
                pairs[opened.pop()] = len(code)
            code.append(token)
    if branches:
        raise Refused(path, branches[-1].line, "this #if has no #endif")
    if opened:
        token = code[opened[-1]]
        raise Refused(path, token.line, f"this {token.text} is never closed; "
                      f"close it, or take the file back: git checkout {path}")
    return code, pairs, guarded


def _conditional(token: Token, branches: list[_Branch], depth: int, path: str) -> None:
    """Follow #if, #elif, #else and #endif."""
    match = _DIRECTIVE.match(token.text)
    word, rest = match.groups() if match else ("", "")
    if word in ("if", "ifdef", "ifndef"):
        value = {"0": False, "1": True}.get(rest) if word == "if" else None
        branches.append(_Branch(token.line, depth, value, value is False))
        return
    if word not in ("elif", "elifdef", "elifndef", "else", "endif"):
        return
    if not branches:
        raise Refused(path, token.line, f"#{word} without #if")
    branch = branches[-1]
    if depth != branch.depth:
        raise Refused(path, token.line, f"the brackets do not balance between the #if of line "
                      f"{branch.line} and this #{word}")
    if word == "endif":
        branches.pop()
    elif branch.had_else:
        raise Refused(path, token.line, f"#{word} after #else")
    else:
        branch.had_else = word == "else"
        branch.dead = branch.value is True
        if word != "else" and not branch.dead:
            branch.value = None


def _c_items(
    code: list[Token], pairs: dict[int, int], guarded: set[int], path: str
) -> Iterator[Item]:
    first = at = 0
    equals: int | None = None
    while at < len(code):
        token = code[at]
        last = pairs.get(at, at)
        name = _function_name(code, pairs, first, at) if token.text == "{" else None
        if token.text == "{" and at == first:
            raise Refused(path, token.line, "this { belongs to no definition")
        if token.text == "{" and not name and equals is None and code[at - 1].text == ")" and (
                not _TAGS & {token.text for token in code[first:at]}):
            raise Refused(path, token.line, "can't tell what this { belongs to")
        if token.text == "=" and equals is None:
            equals = at
        if name or token.text == ";":
            head = tuple(token.text for token in code[first:at if equals is None else equals])
            yield Item(first, last, code[first].line, head, name, token.start, code[last].end,
                       not guarded.isdisjoint(range(first, at + 1)))
            first, equals = last + 1, None
        at = last + 1


def _function_name(
    code: list[Token], pairs: dict[int, int], first: int, brace: int
) -> str | None:
    """The name in `... name(...) {`, or None if the brace does not open a function's body."""
    at, groups = first, []
    while at < brace:
        if code[at].text in ("=", "typedef"):
            return None
        if code[at].text == "(":
            groups.append(at)
        at = pairs.get(at, at) + 1
    if not groups or pairs[groups[-1]] != brace - 1 or groups[-1] == first:
        return None
    name = code[groups[-1] - 1]
    return name.text if name.kind == "word" and name.text not in _NO_NAMES else None


def _asm_items(
    code: list[Token], pairs: dict[int, int], guarded: set[int], path: str
) -> Iterator[Item]:
    opened: int | None = None
    for at, token in enumerate(code):
        if token.text not in ("FUNC", "END"):
            continue
        words = [t.text for t in code[at + 1:at + 4]]
        alone = at + 4 >= len(code) or code[at + 4].first
        if not token.first or not alone or len(words) < 3 or (words[0], words[2]) != ("(", ")"):
            raise Refused(path, token.line, f"{token.text}(name) must stand on a line of its own")
        name = words[1]
        if token.text == "FUNC":
            if opened is not None:
                raise Refused(path, token.line, f"FUNC({name}) within another function")
            opened = at
        elif opened is None or code[opened + 2].text != name:
            raise Refused(path, token.line, f"END({name}) without its FUNC({name})")
        else:
            head = tuple(t.text for t in code[opened:opened + 4])
            yield Item(opened, at + 3, code[opened].line, head, name, code[opened + 3].end,
                       token.start,
                       not guarded.isdisjoint([*range(opened, opened + 4), *range(at, at + 4)]))
            opened = None
    if opened is not None:
        raise Refused(path, code[opened].line, f"FUNC({code[opened + 2].text}) has no END")

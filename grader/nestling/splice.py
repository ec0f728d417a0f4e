"""Take a function out of one source file and put it into another.

This is the security border of class mode: `take` reads files of hostile authors. It takes the
body of one function, and the new static helpers that it uses, from directly above it; `put`
places them into a file of the project and leaves every other byte as it was. What neither
understands for certain is refused (clex.Refused), with file, line and reason.

A function is a C definition, or in a file that ends in ".S" the lines between FUNC(name) and
END(name).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from nestling import rules
from nestling.clex import Refused, lex
from nestling.outline import Item, Outline, outline

MAX_PIECE = 64 << 10  # bytes, body and helpers together
COLUMNS = 100
TAB = 8


@dataclass(frozen=True)
class Span:
    """Where a function is in its file, as offsets into the text.

    text[start:end] is the whole: contract comment, head and body. The head starts at `head`;
    text[body:body_end] is the body.
    """

    name: str
    line: int
    start: int
    head: int
    body: int
    body_end: int
    end: int


@dataclass(frozen=True)
class Helper:
    """A static function or static const table, with the comment above it."""

    name: str
    line: int
    text: str


@dataclass(frozen=True)
class Piece:
    """What an author wrote for one function."""

    name: str
    path: str
    line: int
    head: tuple[str, ...]  # the tokens before the body
    body: str
    helpers: tuple[Helper, ...] = ()


def find(text: str, name: str, path: str) -> Span:
    """Where the one definition of `name` is. Raises Refused if there is none, or more."""
    source = outline(text, path)
    item = _definition(source, name)
    return Span(name, item.line, source.start(item), source.code[item.first].start,
                item.body_start, item.body_end, source.end(item))


def body(text: str, name: str, path: str) -> str:
    """The body of `name`: in C with its braces, in assembly what is between FUNC and END."""
    span = find(text, name, path)
    return text[span.body:span.body_end]


def tokens(text: str, path: str) -> tuple[str, ...]:
    """The tokens of `text` without comments: equal for codes that differ in layout only."""
    return tuple(token.text for token in lex(text, path) if token.kind != "comment")


def take(
    text: str, name: str, path: str, pristine: str | None = None, deny: Collection[str] = ()
) -> Piece:
    """The body of `name`, and the helpers that it uses.

    Helpers are found in the unbroken row of static functions and static const tables directly
    above `name`.

    Args:
        pristine: the project's version of the file. What it defines is no helper and ends the
            row, and the piece may not use any other name that only the author's file defines.
        deny: words that the piece may not contain, from rules.risky_macros().

    Raises Refused unless all of it obeys the rules.
    """
    source = outline(text, path)
    item = _definition(source, name)
    known = outline(pristine, path).declared() if pristine is not None else {}
    helpers = []
    for other in reversed(list(_helper_items(source, item, known))):
        start, end = source.start(other), source.end(other)
        code = source.code[other.first:other.last + 1]
        rules.check(source.within(start, end), path, "", deny)
        if other.name:
            rules.check_function_head(code[:len(other.head)], other.name, path)
        helpers.append(Helper(source.declares(other)[0], other.line, text[start:end].lstrip()))
    piece = Piece(name, path, item.line, item.head, text[item.body_start:item.body_end],
                  tuple(helpers))
    rules.check(source.within(item.body_start, item.body_end), path, name, deny)
    _check_size(piece)
    if pristine is not None:
        _check_complete(source, piece, known)
    return piece


def put(text: str, name: str, piece: Piece, path: str) -> str:
    """`text` with the body of `name` replaced by the piece's, and its helpers above it.

    The head and the contract comment stay. A helper that is there already, token for token, is
    not added again. Raises Refused if the heads differ or a helper's name is taken.
    """
    source = outline(text, path)
    item = _definition(source, name)
    if piece.name != name or piece.head != item.head:
        raise Refused(piece.path, piece.line, f"the head of {name} must stay as it is: "
                      f"`{' '.join(item.head)}`, not `{' '.join(piece.head)}`")
    _check_size(piece)
    new = [helper for helper in piece.helpers if not _present(source, item, helper, piece)]
    at = source.start(item)
    result = (text[:at] + "".join(helper.text + "\n\n" for helper in new) + text[at:item.body_start]
              + piece.body + text[item.body_end:])
    _check_result(source, item, piece, new, result)
    return result


def set_body(text: str, name: str, new: str, path: str) -> str:
    """`text` with the body of `name` replaced by the text `new`, from a source that we trust."""
    return put(text, name, Piece(name, path, 1, _definition(outline(text, path), name).head, new),
               path)


def stub(
    name: str, path: str, ident: str, todo: str, handout: str, tail: str = "", stops: bool = True
) -> str:
    """The body of `name` in a starter: a hint, a loud stop, and a value to return.

    Args:
        ident: of the exercise, "1.4".
        todo: the hint; it becomes a comment.
        tail: C statements behind the stop.
        stops: False for a guest's function, which has no way to stop loudly.
    """
    call = f'"{ident}", "{name}", "{handout}"'
    hint = _comment(f"Exercise {ident}: {' '.join(todo.split())}")
    if path.endswith(".S"):
        return f"\n{hint}\tLAB_TODO {call}\n"
    lines = textwrap.indent(textwrap.dedent(tail).strip(), "\t")
    stop = f"\tlab_todo({call});\n" if stops else ""
    return f"{{\n{hint}{stop}{lines}{chr(10) if lines else ''}}}"


def _comment(text: str) -> str:
    """`text` as a comment one tab deep, in as many lines as it needs."""
    if len(text) <= COLUMNS - TAB - len("/*  */"):
        return f"\t/* {text} */\n"
    lines = textwrap.wrap(text, COLUMNS - TAB - len(" * "), break_on_hyphens=False)
    return "\t/*\n" + "".join(f"\t * {line}\n" for line in lines) + "\t */\n"


def _definition(source: Outline, name: str) -> Item:
    found = [item for item in source.items if item.name == name]
    if not found:
        raise Refused(source.path, 1, f"there is no definition of {name}")
    if len(found) > 1:
        raise Refused(source.path, found[1].line, f"{name} is defined a second time; "
                      f"the first is in line {found[0].line}")
    if found[0].guarded:
        raise Refused(source.path, found[0].line, f"an #if decides whether {name} is compiled; "
                      "move it out")
    return found[0]


def _helper_items(source: Outline, item: Item, known: Collection[str]) -> Iterator[Item]:
    """The helpers that `item` uses, from the nearest upwards; see take()."""
    below = source.code[item.first].start
    used = {item.name, *source.words(item)}
    directives = [token.start for token in source.tokens if token.kind == "directive"]
    for other in reversed(source.items[:source.items.index(item)]):
        between = any(source.end(other) <= at < below for at in directives)
        names = source.declares(other)
        if between or not _can_help(source, other) or len(names) != 1 or names[0] in known:
            return
        below = source.code[other.first].start
        if names[0] in used:
            used.update(source.words(other))
            yield other


def _can_help(source: Outline, item: Item) -> bool:
    """Is `item` a static function or a static const table?"""
    if item.head[:1] != ("static",):
        return False
    has_value = source.code[item.first + len(item.head)].text == "="
    return item.name is not None or (has_value and "const" in item.head and "(" not in item.head)


def _check_size(piece: Piece) -> None:
    texts = [piece.body, *(helper.text for helper in piece.helpers)]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if size > MAX_PIECE:
        raise Refused(piece.path, piece.line, f"{piece.name} and its helpers have {size} bytes; "
                      f"the limit is {MAX_PIECE}")


def _check_complete(source: Outline, piece: Piece, known: Collection[str]) -> None:
    """Refuse a piece that needs something which does not come along."""
    own = {helper.name for helper in piece.helpers}
    missing = {name: line for name, line in source.declared().items()
               if name not in known and name not in own}
    texts = [piece.body, *(helper.text for helper in piece.helpers)]
    used = {word for text in texts for word in tokens(text, source.path)}
    for name in sorted(used & missing.keys()):
        raise Refused(source.path, missing[name], f"{piece.name} uses {name}, which would stay "
                      f"behind: only static functions and static const tables directly above "
                      f"{piece.name} come along")


def _present(source: Outline, item: Item, helper: Helper, piece: Piece) -> bool:
    """Is `helper` in the file already? Raises Refused if something else has its name."""
    wanted = tokens(helper.text, piece.path)
    for other in source.items:
        if source.declares(other) == [helper.name] and source.words(other) == wanted:
            return True
    taken = source.declared()
    for token, following in zip(source.code, source.code[1:]):  # calls of what headers declare
        inside = item.body_start <= token.start < item.body_end
        if token.text == helper.name and following.text == "(" and not inside:
            taken.setdefault(helper.name, token.line)
    for token in source.tokens:
        if token.kind == "directive" and helper.name in re.findall(r"\w+", token.text):
            taken.setdefault(helper.name, token.line)
    if helper.name in taken:
        raise Refused(piece.path, helper.line, f"the name {helper.name} is taken, by line "
                      f"{taken[helper.name]} of {source.path}; give your helper another one")
    return False


def _check_result(
    source: Outline, item: Item, piece: Piece, new: list[Helper], result: str
) -> None:
    """The second lock: parse the result; only what should have changed may have changed."""
    path = source.path
    end = ("END", "(", piece.name, ")") if path.endswith(".S") else ()
    wanted = [source.words(other) for other in source.items]
    at = source.items.index(item)
    wanted[at:at + 1] = [*(tokens(helper.text, path) for helper in new),
                         piece.head + tokens(piece.body, path) + end]
    after = outline(result, path)
    if [after.words(other) for other in after.items] != wanted or (
            _definition(after, piece.name).head != item.head):
        raise Refused(piece.path, piece.line, f"the code of {piece.name} is not one whole body")

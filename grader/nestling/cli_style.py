"""The command `style`: is the C and assembly code laid out as the rest is?

A formatter would undo what is aligned by hand: tables, masks below their field, one-line cases.
So this only checks what can be told without taste.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nestling import clex
from nestling.errors import UserError
from nestling.outline import Item, Outline, outline

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("hv", "guest", "grader/unit", "grader/host", "grader/fuzz")
SUFFIXES = (".c", ".h", ".S", ".def", ".ld", ".syms", ".vm")

TAB = 8
MAX_COLUMNS = 100
MAX_FUNCTION = 60  # lines
MAX_FILE = 700  # lines
MAX_ASSEMBLY = 100  # lines of code in a file

# Files that may break a rule, each with the reason.
WIDE = (".def",)  # tables: one row, one line
LONG_ASSEMBLY = {
    "hv/boot/loader.S": "calls the BIOS, so no C can do its work",
}
NO_HEADER = {
    "guest/lib/first.h": "is the whole body of the three assembly files that include it",
    "grader/unit/host.h": "is included by the compiler's command line",
}

RULES = f"""\
the rules:
  all files   no blanks at the end of a line, no empty line at the end of a file
              tabs for indentation, {TAB} columns each; at most {MAX_COLUMNS} columns in a line
              (.def tables may be wider)
  C           a function's brace in column 0, unless its body is one line
              at most {MAX_FUNCTION} lines from brace to brace, {MAX_FILE} in a file
              a blank after if, for, while and switch; comments in /* */
  headers     an include guard that has the name of the file: dev/bus.h has DEV_BUS_H
  assembly    at most {MAX_ASSEMBLY} lines of code in a file
"""

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
Finding = tuple[int, str]  # a line, and what is wrong with it


def check(text: str, path: str) -> Iterator[Finding]:
    """What is wrong with the file `path` of the tree, which contains `text`."""
    yield from _lines(text, path)
    if path.endswith((".c", ".h")) and path not in NO_HEADER:
        yield from _c_file(text, path)
        if path.endswith(".h"):
            yield from _guard(text, path)
    if path.endswith(".S") and path not in LONG_ASSEMBLY:
        code = [line for line in COMMENT.sub("", text).split("\n") if line.strip()]
        if len(code) > MAX_ASSEMBLY:
            yield 1, f"{len(code)} lines of assembly; at most {MAX_ASSEMBLY}, please"


def _lines(text: str, path: str) -> Iterator[Finding]:
    lines = text.split("\n")
    if lines.pop():
        yield len(lines) + 1, "the last line does not end"
    if lines and not lines[-1].strip():
        yield len(lines), "an empty line at the end"
    for number, line in enumerate(lines, 1):
        width = len(line.expandtabs(TAB))
        if width > MAX_COLUMNS and not path.endswith(WIDE):
            yield number, f"{width} columns; at most {MAX_COLUMNS}, please"
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if re.match(r"\t* {8}|\t* +\t", line):
            yield number, "blanks where a tab belongs"


def _c_file(text: str, path: str) -> Iterator[Finding]:
    count = text.count("\n")
    if count > MAX_FILE:
        yield count, f"{count} lines; at most {MAX_FILE} in a file, please"
    parsed = outline(text, path)
    for item in parsed.items:
        if item.name:
            yield from _function(parsed, item)
    for token in parsed.tokens:
        if token.text in ("if", "for", "while", "switch") and text[token.end] == "(":
            yield token.line, f"a blank belongs after `{token.text}`"
        if token.kind == "comment" and token.text.startswith("//"):
            yield token.line, "comments are /* like this */ here"


def _function(parsed: Outline, item: Item) -> Iterator[Finding]:
    line = parsed.text.count("\n", 0, item.body_start) + 1
    lines = parsed.text.count("\n", item.body_start, item.body_end) + 1
    if lines > MAX_FUNCTION:
        yield line, f"{item.name}() has {lines} lines; at most {MAX_FUNCTION}, please"
    if lines > 1 and parsed.text[item.body_start - 1] != "\n":
        yield line, f"the brace of {item.name}() belongs in column 0"


def _guard(text: str, path: str) -> Iterator[Finding]:
    full = re.sub(r"\W", "_", re.sub(r"^(guest)/lib/|^grader/(unit|fuzz)/", r"\1\2/", path)).upper()
    names = [re.sub(r"^(HV|GUEST|UNIT|FUZZ)_", "", full), full]
    directives = [token for token in clex.lex(text, path) if token.kind == "directive"]
    words = [token.text.split() for token in directives[:2]]
    if words not in [[["#ifndef", name], ["#define", name]] for name in names]:
        line = directives[0].line if directives else 1
        yield line, f"the include guard {names[0]} is missing"


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for folder in FOLDERS
                  for path in (root / folder).rglob("*") if path.suffix in SUFFIXES)


def _check_file(root: Path, path: str) -> list[Finding]:
    try:
        text = (root / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [(1, f"can't be read as text: {error}")]
    try:
        return sorted(check(text, path))
    except clex.Refused as error:
        return [(error.line, error.reason)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    words = argparse.ArgumentParser(
        prog="style", description="Check the layout of C and assembly files.", epilog=RULES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--root", metavar="DIR", type=Path, default=ROOT,
                       help="the tree (default: the one that this command is in)")
    words.add_argument("files", metavar="FILE", nargs="*",
                       help=f"paths within the tree (default: all of {', '.join(FOLDERS)})")
    choice = words.parse_args(argv)
    found = 0
    try:
        for path in choice.files or _files(choice.root):
            for line, sentence in _check_file(choice.root, path):
                print(f"{path}:{line}: {sentence}", file=sys.stderr)
                found += 1
    except UserError as error:
        print(f"style: {error}", file=sys.stderr)
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

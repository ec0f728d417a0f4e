"""What a student's piece of code may contain.

At run time the code has ring 0 of an emulated machine and may do there as it likes. The rules are
about build time: no way to read files of the build host, to reach into another section, symbol or
function of the program, or to run before the function is called. So: no directives of
preprocessor or assembler, no attributes, no assembly but instructions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from nestling.clex import Refused, Token, lex

ASM = {"asm", "__asm", "__asm__"}
ASM_QUALIFIERS = {"volatile", "__volatile", "__volatile__", "goto", "inline", "__inline",
                  "__inline__"}
ATTRIBUTES = {"__attribute__", "__attribute", "__declspec", "_Pragma", "__pragma"}
FORBIDDEN = ATTRIBUTES | {"_Thread_local", "thread_local"}
# Of the reserved names that start with two underscores, those that are harmless and of use.
RESERVED = {
    "__func__", "__FUNCTION__", "__FILE__", "__LINE__", "__COUNTER__", "__typeof", "__typeof__",
    "__const", "__const__", "__volatile", "__volatile__", "__inline", "__inline__", "__restrict",
    "__restrict__", "__signed__", "__alignof__", "__auto_type", "__extension__", "__int128",
    "__label__",
}
# Calls to these are made up by the compiler, so a helper of the name would catch them.
COMPILER_CALLS = {"memcpy", "memmove", "memset", "memcmp"}
DATA = {".byte", ".word", ".short", ".long", ".int", ".quad"}  # the assembler's harmless directives
STUB_MACRO = "LAB_TODO"

_HEAD_MARKS = {"(", ")", "[", "]", ",", "*", "..."}
_NUMBER_LABEL = re.compile(r"[0-9]+[ \t]*:")
_MNEMONIC = re.compile(r"[A-Za-z][A-Za-z0-9]*(?=[ \t*]|$)(?![ \t]*[:=])")
_DATA = re.compile(r"\.[a-z]+(?=[ \t])")


def check(tokens: Sequence[Token], path: str, name: str, deny: Collection[str] = ()) -> None:
    """Raise Refused unless `tokens` (of a body or helper, comments included) obey the rules.

    Args:
        name: of the function; in assembly it may have labels, also global ones, `NAME_...`.
        deny: further words that the piece may not contain; see risky_macros().
    """
    for token in tokens:
        if token.kind == "directive":
            raise Refused(path, token.line, f"no preprocessor lines within your code: {token.text}")
        if token.kind == "word" and (token.text in FORBIDDEN or token.text in deny):
            raise Refused(path, token.line, f"{token.text} is not accepted here")
    code = [token for token in tokens if token.kind != "comment"]
    if path.endswith(".S"):
        _check_asm(code, path, f"{name}_")
    else:
        _check_c(code, path)


def check_function_head(head: Sequence[Token], name: str, path: str) -> None:
    """Raise Refused unless `head` is that of a plain static function, `static ... name(...)`."""
    texts = [token.text for token in head]
    groups = texts.index("(") if "(" in texts else 0
    if not groups or texts[groups - 1] != name or name in COMPILER_CALLS:
        raise Refused(path, head[0].line, f"{name} is not a plain static function; "
                      "write it as `static type name(...)`")
    for token in head:
        if token.kind not in ("word", "number") and token.text not in _HEAD_MARKS:
            raise Refused(path, token.line, f"{token.text} is not accepted in the head of {name}")


def risky_macros(text: str, path: str) -> set[str]:
    """Macros of a project file that would carry an attribute or a directive past check().

    Meant for the `deny` of splice.take(): call it for each header that the target includes.
    """
    macros: dict[str, set[str]] = {}
    for token in lex(text, path):
        if token.kind == "directive" and (match := re.match(r"#\s*define\s+(\w+)", token.text)):
            macros[match.group(1)] = set(re.findall(r"\.?\w+", token.text[match.end():]))
    risky = {name for name, words in macros.items() if words & ATTRIBUTES or (
        path.endswith(".S") and any(re.match(r"\.[a-z]", word) for word in words - DATA))}
    while more := {name for name, words in macros.items() if words & risky} - risky:
        risky |= more
    return risky - {STUB_MACRO}


def _check_c(code: Sequence[Token], path: str) -> None:
    for at, token in enumerate(code):
        text = token.text
        if token.kind == "word" and text.startswith("__") and text not in ASM | RESERVED and (
                not text.startswith("__builtin_")):
            raise Refused(path, token.line, f"{text} is not accepted here: names that start with "
                          "__ belong to the compiler")
        if text in ("#", "##"):
            raise Refused(path, token.line, f"{text} is not accepted here")
        if text == "[" and at + 1 < len(code) and code[at + 1].text == "[":
            raise Refused(path, token.line, "[[ ]] attributes are not accepted")
        if text in ASM:
            _check_inline_asm(code, at, path)


def _check_inline_asm(code: Sequence[Token], at: int, path: str) -> None:
    """Check the asm statement at code[at]: where it stands, and the text of its template."""
    line = code[at].line
    if not _starts_statement(code, at):
        raise Refused(path, line, "asm is accepted as a statement only, not as the name or the "
                      "register of a variable or function")
    at += 1
    while code[at].text in ASM_QUALIFIERS:
        at += 1
    if code[at].text != "(":
        raise Refused(path, line, "asm must be followed by ( and a string")
    template = []
    while code[at + 1].kind == "string":
        at += 1
        template.append(code[at].text[1:-1])
    if not template or code[at + 1].text not in (":", ")"):
        raise Refused(path, line, "the text of asm must be plain strings, without macros")
    for statement in _statements("".join(template), path, line):
        _check_statement(statement, path, line)


def _starts_statement(code: Sequence[Token], at: int) -> bool:
    """Does code[at] begin a statement, rather than follow a declarator?"""
    if at == 0:
        return False
    before = code[at - 1].text
    if before in (";", "{", "}", ":", "else", "do"):
        return True
    if before != ")":
        return False
    depth, at = 1, at - 1  # to the ( of `if (...) asm(...)`
    while depth and at > 0:
        at -= 1
        depth += {")": 1, "(": -1}.get(code[at].text, 0)
    return at > 0 and code[at - 1].text in ("if", "while", "for", "switch")


def _statements(template: str, path: str, line: int) -> Iterator[str]:
    """The statements of an asm template, with the escapes resolved."""
    text = template.replace("\\n", "\n").replace("\\t", "\t")
    for char in "\\\"'#/":
        if char in text:
            raise Refused(path, line, f"{char} is not accepted in the text of asm "
                          "(only \\n and \\t are)")
    yield from re.split(r"[\n;{|}]", text)  # { | } choose between dialects of assembly


def _check_statement(statement: str, path: str, line: int) -> None:
    statement = statement.strip(" \t")
    while match := _NUMBER_LABEL.match(statement):
        statement = statement[match.end():].lstrip(" \t")
    data = _DATA.match(statement)
    if statement and not _MNEMONIC.match(statement) and not (data and data.group() in DATA):
        raise Refused(path, line, f"`{statement}`: asm may contain instructions, labels that are "
                      f"numbers, and {' '.join(sorted(DATA))}")


def _check_asm(code: Sequence[Token], path: str, own: str) -> None:
    """Check the lines between FUNC and END. Labels that start with `own` are the function's."""
    start = 0  # of the present statement
    for at, token in enumerate(code):
        text, line = token.text, token.line
        before = code[at - 1].text if at else ""
        if token.first or before == ";":
            start = at
        following = code[at + 1] if at + 1 < len(code) else None
        if at == start and not (text == ";" or token.kind == "word" or (
                text.isdigit() and following and following.text == ":")):
            raise Refused(path, line, f"`{text}` can't begin a statement")
        if text == ".globl" and at == start and following and following.text.startswith(own) and (
                at + 2 == len(code) or code[at + 2].first or code[at + 2].text == ";"):
            continue
        if token.kind == "word" and text.startswith(".") and (
                text not in DATA and not text.startswith(".L")):
            raise Refused(path, line, f"the directive {text} is not accepted; "
                          f"of the directives only {' '.join(sorted(DATA))} are")
        if text in ("=", "==", "\\"):
            raise Refused(path, line, f"{text} is not accepted here")
        if token.kind in ("string", "char") and code[start].text != STUB_MACRO:
            raise Refused(path, line, f"{text} is not accepted here: no strings in assembly")
        if text == ":":
            if at == start + 1 and (before.isdigit() or before.startswith((".L", own))):
                start = at + 1
            elif at < 2 or code[at - 2].text != "%":
                raise Refused(path, line, f"the label {before} is not accepted; labels are "
                              f"numbers, or start with .L or {own}")

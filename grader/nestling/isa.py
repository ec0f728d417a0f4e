"""The tables in hv/hvm/*.def and hv/exit.def: exit codes, control-block fields, entry rules.

The C code, the grader and gdb read the same files; an entry is one line, so that a regular
expression can do it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from nestling.errors import UserError

ENTRY = re.compile(r"^(EXIT_REASON|(?:SVM|VMX)_(?:FIELD|EXIT|CHECK|ERROR))\((.*)\)[ \t]*$",
                   re.MULTILINE)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[(),]|[^"(),]+')

# AMD numbers these by register or vector; svm.def lists only the first of each kind.
SVM_RANGES = ((0x000, 0x01F, "cr"), (0x020, 0x03F, "dr"), (0x040, 0x05F, "exception"))
CODE_MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class ExitCode:
    """One reason to leave the guest: the manual's name, and the one that both vendors share."""

    code: int
    name: str
    neutral: str


@dataclass(frozen=True)
class Field:
    """A field of the VMCB (`number` is its offset) or the VMCS (its encoding)."""

    name: str
    number: int
    size: int  # bytes
    group: str


@dataclass(frozen=True)
class Check:
    """A rule of VM entry: what is wrong when it is broken, and where the manual has it."""

    name: str
    condition: str  # in C; true when the rule is broken
    sentence: str
    section: str


@dataclass(frozen=True)
class Isa:
    """All tables of one instruction set extension."""

    name: str  # "svm" or "vmx"
    exits: dict[int, ExitCode]
    fields: dict[str, Field]
    checks: dict[str, Check]
    errors: dict[int, str]  # VM-instruction errors; Intel only

    def exit(self, code: int) -> ExitCode:
        """The exit with this code; one named after its number if the table doesn't have it."""
        code &= CODE_MASK
        known = self.exits.get(code)
        if known:
            return known
        if self.name == "svm":
            for first, last, neutral in SVM_RANGES:
                if first <= code <= last:
                    return ExitCode(code, f"{neutral.upper()}_{code - first:#x}", neutral)
        return ExitCode(code, f"{code:#x}", "unknown")


def arguments(text: str) -> list[str]:
    """Split the arguments of a table entry at its commas; strings lose their quotes."""
    words = [""]
    depth = 0
    for token in TOKEN.findall(text):
        if token == "," and depth == 0:
            words.append("")
            continue
        depth += (token == "(") - (token == ")")
        words[-1] += token
    return [re.sub(r'\\(.)', r"\1", word[1:-1]) if word.startswith('"') else word
            for word in map(str.strip, words)]


def field_size(encoding: int) -> int:
    """Bytes of a VMCS field, from bits 14:13 of its encoding (SDM vol. 3, 24.11.2)."""
    return {0: 2, 1: 8, 2: 4, 3: 8}[encoding >> 13 & 3]


def _entries(path: Path) -> list[tuple[str, list[str], int]]:
    """(macro, arguments, line number) of each entry of a table."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    text = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match[0]), text,
                  flags=re.DOTALL)
    return [(match[1], arguments(match[2]), text.count("\n", 0, match.start()) + 1)
            for match in ENTRY.finditer(text)]


def exit_names(hv: Path) -> set[str]:
    """The neutral names of all exits, from the source directory `hv`."""
    return {words[1] for _, words, _ in _entries(hv / "exit.def")}


@functools.cache
def load(hv: Path, name: str) -> Isa:
    """Read the tables of "svm" or "vmx" from the source directory `hv`.

    Raises UserError for a table that is missing or has a line that can't be read.
    """
    neutral = {words[0]: words[1] for _, words, _ in _entries(hv / "exit.def")}
    isa = Isa(name, {}, {}, {}, {})
    path = hv / "hvm" / f"{name}.def"
    for macro, words, line in _entries(path):
        try:
            match macro.split("_")[1], words:
                case "EXIT", [code, title, reason]:
                    number = int(code, 0) & CODE_MASK
                    isa.exits[number] = ExitCode(number, title, neutral.get(reason, reason))
                case "FIELD", [title, offset, size, group]:
                    isa.fields[title] = Field(title, int(offset, 0), int(size, 0), group)
                case "FIELD", [title, encoding, group]:
                    number = int(encoding, 0)
                    isa.fields[title] = Field(title, number, field_size(number), group)
                case "CHECK", [title, condition, sentence, section]:
                    isa.checks[title] = Check(title, condition, sentence, section)
                case "ERROR", [error, sentence]:
                    isa.errors[int(error, 0)] = sentence
                case _:
                    raise ValueError(words)
        except ValueError:
            raise UserError(f"{path}:{line}: {macro} with arguments that make no sense") from None
    return isa

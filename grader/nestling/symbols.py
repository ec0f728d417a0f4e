"""From addresses to names and lines, and back, with what the compiler left in an ELF file."""

from __future__ import annotations

import bisect
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError  # type: ignore[import-untyped]
from elftools.elf.constants import SH_FLAGS  # type: ignore[import-untyped]
from elftools.elf.elffile import ELFFile  # type: ignore[import-untyped]
from elftools.elf.sections import SymbolTableSection  # type: ignore[import-untyped]

from nestling.errors import UserError

RETURN_ADDRESS = re.compile(r"^(\s*at )(0x[0-9a-fA-F]+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A place in the source, for addresses from `address` up to the next one's."""

    address: int
    file: str  # as the compiler was given it; "" where no line belongs to the address
    line: int


class Symbols:
    """The names and lines of one ELF file. What is read, is read when it is first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[int | None, list[Line]] = {}

    def address(self, name: str) -> int | None:
        """The address of a symbol, or None."""
        return self._by_name.get(name)

    def name(self, address: int) -> str:
        """"function+0x12" for an address, "function" for its start; "" outside of all symbols."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or not any(start <= address < end for start, end in self._sections):
            return ""
        start, size, name = self._symbols[index]
        offset = address - start
        if offset and size and offset > size:
            return ""
        return f"{name}+{offset:#x}" if offset else name

    def line(self, address: int) -> str:
        """"hv/core/panic.c:34" for an address, or ""."""
        lines = self._lines_around(address)
        index = bisect.bisect_right(lines, address, key=lambda line: line.address) - 1
        if index < 0 or not lines[index].file:
            return ""
        return f"{lines[index].file}:{lines[index].line}"

    def describe(self, address: int, is_return: bool = False) -> str:
        """"function+0x12 file.c:34" for an address, or "".

        A return address may belong to the line after the call, even to the next
        function; with `is_return` the line is the call's.
        """
        name = self.name(address - 1) if is_return else self.name(address)
        if not name:
            return ""
        if is_return:
            base = name.split("+")[0]
            name = f"{base}+{address - self._by_name[base]:#x}" if base in self._by_name else name
        return f"{name} {self.line(address - is_return)}".rstrip()

    @functools.cached_property
    def _symbols(self) -> list[tuple[int, int, str]]:
        """(start, size, name), sorted; of several names for a place a function's comes last."""
        symbols = []
        with _open(self.path) as elf:
            for section in elf.iter_sections():
                if not isinstance(section, SymbolTableSection):
                    continue
                for symbol in section.iter_symbols():
                    kind = symbol["st_info"]["type"]
                    if symbol.name and kind in ("STT_FUNC", "STT_NOTYPE", "STT_OBJECT") and (
                            isinstance(symbol["st_shndx"], int)):
                        symbols.append((symbol["st_value"], kind == "STT_FUNC",
                                        symbol["st_size"], symbol.name))
        return [(start, size, name) for start, _, size, name in sorted(symbols)]

    @functools.cached_property
    def _sections(self) -> list[tuple[int, int]]:
        """Start and end of what is in memory; a label in assembly has no size of its own."""
        with _open(self.path) as elf:
            return [(section["sh_addr"], section["sh_addr"] + section["sh_size"])
                    for section in elf.iter_sections() if section["sh_flags"] & SH_FLAGS.SHF_ALLOC]

    @functools.cached_property
    def _starts(self) -> list[int]:
        return [start for start, _, _ in self._symbols]

    @functools.cached_property
    def _by_name(self) -> dict[str, int]:
        return {name: start for start, _, name in self._symbols}

    def _lines_around(self, address: int) -> list[Line]:
        """The lines of the unit that an address belongs to; if none says so, of all units."""
        unit = self._units.cu_offset_at_addr(address) if self._units else None
        if unit not in self._lines:
            self._lines[unit] = self._read_lines(unit)
        return self._lines[unit]

    @functools.cached_property
    def _units(self) -> Any:
        """Which unit has which addresses; None if the compiler has left no such table."""
        with _open(self.path) as elf:
            return elf.get_dwarf_info().get_aranges() if elf.has_dwarf_info() else None

    def _read_lines(self, only: int | None) -> list[Line]:
        """The lines of the unit at an offset, or of all: that takes seconds for a hypervisor."""
        lines: list[Line] = []
        with _open(self.path) as elf:
            if not elf.has_dwarf_info():
                return []
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs() if only is None else [dwarf.get_CU_at(only)]:
                program = dwarf.line_program_for_CU(unit)
                if program:
                    lines += _unit_lines(program)
        # Where one sequence ends at the address at which another starts, the start wins.
        lines.sort(key=lambda line: (line.address, bool(line.file)))
        return lines


def symbols_of(path: Path) -> Symbols:
    """The names and lines of an ELF file; they are read again only if the file is a new one."""
    try:
        stat = path.stat()
    except OSError:
        return Symbols(path)  # says so when it is asked
    return _symbols_of(path, stat.st_mtime_ns, stat.st_ino)


@functools.lru_cache(maxsize=256)
def _symbols_of(path: Path, changed: int, inode: int) -> Symbols:
    return Symbols(path)


def symbolize(text: str, symbols: Symbols) -> str:
    """Add names and lines to the "  at 0x..." lines of a panic."""
    def name(match: re.Match[str]) -> str:
        place = symbols.describe(int(match[2], 16), is_return=True)
        return f"{match[1]}{match[2]}  {place}" if place else match[0]
    return RETURN_ADDRESS.sub(name, text)


class _open:
    """An ELF file, closed in the end; trouble becomes a UserError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise UserError(f"{self._path}: {error.strerror}") from None
        try:
            return ELFFile(self._file)
        except ELFError as error:
            self._file.close()
            raise UserError(f"{self._path}: not an ELF file ({error})") from None

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _unit_lines(program: Any) -> list[Line]:
    """The line table of one compilation unit."""
    header = program.header
    files = header["file_entry"]
    first = 0 if header["version"] >= 5 else 1  # DWARF 5 counts files from 0
    directories = header["include_directory"]

    def file_name(number: int) -> str:
        entry = files[number - first]
        name: str = entry.name.decode()
        index = entry.dir_index if first == 0 else entry.dir_index - 1
        if name.startswith("/") or not 0 <= index < len(directories) or (
                first == 0 and index == 0):
            return name.removeprefix("./")
        return f"{directories[index].decode()}/{name}".removeprefix("./")

    names: dict[int, str] = {}
    lines = []
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        if state.end_sequence:
            lines.append(Line(state.address, "", 0))
            continue
        if state.file not in names:
            names[state.file] = file_name(state.file)
        lines.append(Line(state.address, names[state.file], state.line))
    return lines

"""Findings: what was seen of a run against what is right, one kind of thing at a time.

verdict.py has the vocabulary of the evidence that they become.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nestling.errors import UserError
from nestling.isa import Isa
from nestling.scenario import Bits, Place, Value
from nestling.symbols import Symbols, symbols_of
from nestling.witness import Exit

# These fall where they like; in a scenario's `exits` they count only if it mentions them.
AT_ANY_TIME = {"host_irq", "host_nmi", "preempt", "irq_window"}
NOTHING = "nothing"
REFUSED_WORD = "refused"  # as the reason of a stop, and of an exit
TEXT_MAX = 300  # characters of a text that comes from the machine

PAGE = 4096
MOST_DIRTY = 1 << 18  # pages; hv/load/vmfile.h does not let more be watched

PAIR = re.compile(r"(\S+?)=(\S*)")
RANGE = re.compile(r"0x([0-9a-f]+)-0x([0-9a-f]+)")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. Without `expected`, it should not be there at all."""

    what: str
    seen: str
    expected: str = ""

    def __str__(self) -> str:
        if self.expected:
            return f"{self.what}: expected {self.expected}, seen {self.seen}"
        return f"{self.what}: {self.seen}"


@dataclass(frozen=True)
class Names:
    """Where addresses and numbers have their names."""

    isa: Isa
    hv: Symbols
    guests: Mapping[str, Symbols]  # by file name

    @classmethod
    def of_build(cls, isa: Isa, build: Path) -> Names:
        """The names in what `make` built in the directory `build`."""
        guests = {path.name: symbols_of(path) for path in sorted((build / "guest").glob("*.elf"))}
        return cls(isa, symbols_of(build / "hv.elf"), guests)

    def address(self, place: str) -> int:
        """The address of "file.elf:symbol+0x2". Raises UserError if there is none."""
        file, _, name = place.partition(":")
        symbol, _, offset = name.partition("+")
        address = self.guests[file].address(symbol) if file in self.guests else None
        if address is None:
            raise UserError(f"the scenario names {place}, and no guest of this build has that")
        return address + int(offset or "0", 0)

    def guest_place(self, address: int, files: Sequence[str]) -> str:
        """An address in a guest by name, if one of its `files` has a name for it."""
        for file in files:
            name = self.guests[file].name(address) if file in self.guests else ""
            if name:
                return f"{file}:{name}"
        return f"{address:#x}"

    def host_place(self, address: int) -> str:
        """An address in the hypervisor by name."""
        return self.hv.describe(address) or f"{address:#x}, which is not in the hypervisor"


def compare_exits(expected: Sequence[tuple[str, Place]], seen: Sequence[Exit], names: Names,
                  files: Sequence[str] = ()) -> Iterator[Finding]:
    """The first difference between the exits that should be and those that were."""
    passing = AT_ANY_TIME - {reason for reason, _ in expected}
    left = [exit_ for exit_ in seen if exit_.reason not in passing]
    for number in range(max(len(expected), len(left))):
        want = expected[number] if number < len(expected) else None
        got = left[number] if number < len(left) else None
        if want and got and _is_same_exit(want, got, names):
            continue
        yield Finding(f"exit {number + 1}", seen_exit(got, names, files),
                      _expected_exit(want) if want else "no more exits")
        return


def compare_counts(expected: Mapping[str, int | range], seen: Sequence[str],
                   is_complete: bool = True) -> Iterator[Finding]:
    """The reasons that were seen too seldom or too often; only the latter of a run that broke off.
    """
    counts = Counter(seen)
    wanted = {**expected, **{reason: 0 for reason in counts
                             if reason not in AT_ANY_TIME | expected.keys()}}
    for reason, want in wanted.items():
        right = want if isinstance(want, range) else range(want, want + 1)
        if counts[reason] in right or not is_complete and counts[reason] < right[-1]:
            continue
        yield Finding(f"exits {reason}", str(counts[reason]), _expected_count(right))


def _expected_count(right: range) -> str:
    if len(right) > 1:
        return f"{right[0]} to {right[-1]}"
    return str(right[0]) if right[0] else "none"


def _is_same_exit(want: tuple[str, Place], got: Exit, names: Names) -> bool:
    reason, place = want
    address = names.address(place) if isinstance(place, str) else place
    return got.reason == reason and (None in (address, got.rip) or address == got.rip)


def _expected_exit(want: tuple[str, Place]) -> str:
    reason, place = want
    if place is None:
        return reason
    return f"{reason} at {place if isinstance(place, str) else f'{place:#x}'}"


def seen_exit(got: Exit | None, names: Names, files: Sequence[str]) -> str:
    """An exit in words."""
    if got is None:
        return NOTHING
    if got.rip is None or got.reason == REFUSED_WORD:  # the guest has not been anywhere
        return got.reason
    return f"{got.reason} at {names.guest_place(got.rip, files)}"


def compare_state(vm: str, expected: Mapping[str, Value], seen: Mapping[str, int]
                  ) -> Iterator[Finding]:
    """The registers that are wrong. If none was shown at all, that is one finding, not thirty."""
    if not seen:
        yield Finding(f"state {vm}", NOTHING, "its registers")
        return
    for key, value in expected.items():
        if seen.get(key) not in _any_of(value):
            yield _wrong_value(f"state {vm} {key}", value, seen.get(key))


def compare_see(expected: Mapping[str, Value | Bits | str], seen: Mapping[str, int]
                ) -> Iterator[Finding]:
    """What the hypervisor should have shown otherwise; one finding if it has shown nothing."""
    if expected and not seen:
        yield Finding("see", NOTHING, "its lines")
        return
    for name, value in expected.items():
        if isinstance(value, Bits) and name in seen:
            yield from _compare_bits(name, value, seen[name])
        elif isinstance(value, Bits):
            yield Finding(f"see {name}", NOTHING, "its bits")
        elif isinstance(value, str):
            yield from _compare_lines(name, value, seen)
        elif seen.get(name) not in _any_of(value):
            yield _wrong_value(f"see {name}", value, seen.get(name))


def _compare_lines(name: str, other: str, seen: Mapping[str, int]) -> Iterator[Finding]:
    """Whether two lines have the same value."""
    if other not in seen:
        yield Finding(f"see {other}", NOTHING, "a value")
    elif seen.get(name) != seen[other]:
        yield Finding(f"see {name}", f"{seen[name]:#x}" if name in seen else NOTHING,
                      f"{seen[other]:#x}, as in {other}")


def _compare_bits(name: str, expected: Bits, seen: int) -> Iterator[Finding]:
    """The bits of one value that are wrong. A single bit is told as 1 or 0, others as a mask."""
    wanted = [*((bit, mask, mask) for bit, mask in expected.one.items()),
              *((bit, mask, 0) for bit, mask in expected.zero.items())]
    for bit, mask, want in wanted:
        if seen & mask != want:
            yield Finding(f"see {name} {bit}", _bits(seen & mask, mask), _bits(want, mask))


def _bits(value: int, mask: int) -> str:
    return f"{value:#x}" if mask & (mask - 1) else str(int(value > 0))


def _any_of(value: Value) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _wrong_value(what: str, value: Value, seen: int | None) -> Finding:
    return Finding(what, NOTHING if seen is None else f"{seen:#x}",
                   " or ".join(f"{one:#x}" for one in _any_of(value)))


def compare_prints(vm: str, expected: Mapping[str, str], text: str) -> Iterator[Finding]:
    """The key=value lines that a guest should have printed and did not."""
    seen: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := PAIR.fullmatch(line.strip()):
            seen.setdefault(match[1], []).append(match[2])
    for key, value in expected.items():
        if seen.get(key) != [value]:
            said = printable(" and ".join(seen.get(key, [NOTHING])))
            yield Finding(f"print {vm} {key}", said, value)


def compare_dirty(vm: str, expected: Sequence[Sequence[int]], seen: Sequence[str]
                  ) -> Iterator[Finding]:
    """Of each report of the pages that a VM has written to, the first one too few, or too many."""
    for number, pages in enumerate(expected, 1):
        if number > len(seen):
            yield Finding(f"dirty {vm} {number}", NOTHING, "a report")
            return
        report = _pages(seen[number - 1])
        for page in sorted(report ^ set(pages))[:1]:
            said, right = ("dirty", "clean") if page in report else ("clean", "dirty")
            yield Finding(f"dirty {vm} {number} {page:#x}", said, right)
    if len(seen) > len(expected):
        yield Finding(f"dirty {vm} {len(expected) + 1}", "a report", "no more reports")


def _pages(ranges: str) -> set[int]:
    """The addresses of the pages in ranges like "0x1000-0x2fff 0x5000-0x5fff"."""
    pages = (page for first, last in RANGE.findall(ranges)
             for page in range(int(first, 16), int(last, 16), PAGE))
    return set(islice(pages, MOST_DIRTY))


def printable(text: str) -> str:
    """A text from the machine, made safe for a terminal."""
    safe = "".join(char if char.isprintable() else "?" for char in text.replace("\t", " "))
    return safe if len(safe) <= TEXT_MAX else safe[:TEXT_MAX] + "..."

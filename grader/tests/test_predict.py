"""predict.py: what a student foresaw, against what the emulator saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nestling.compare import Names
from nestling.isa import Isa
from nestling.predict import compare_prediction, trace_exits, with_places
from nestling.witness import Exit


class FakeSymbols:
    """The guest: a loop of two exits."""

    places = {"start": 0x8000, "again": 0x8010}

    def address(self, name: str) -> int | None:
        return self.places.get(name)

    def name(self, address: int) -> str:
        name = "again" if address >= 0x8010 else "start"
        offset = address - self.places[name]
        return f"{name}+{offset:#x}" if offset else name


SYMBOLS: Any = FakeSymbols()
GUEST = "loop.64.elf"
NAMES = Names(Isa("svm", {}, {}, {}, {}), SYMBOLS, {GUEST: SYMBOLS})
SEEN = [Exit("cpuid", 0x72, 0x8012), Exit("host_irq", 0x60, 0x8013), Exit("io", 0x7B, 0x8014),
        Exit("hlt", 0x78, 0x8000)]
RIGHT = "# mine\n\ncpuid again+0x2   # CPUID\n  io\t0x8014\nhlt start\n"


def evidence(answer: str, seen: list[Exit] | None = None, count: int = 10) -> list[str]:
    return [str(one) for one in compare_prediction(answer, seen or SEEN, count, NAMES, GUEST)]


def test_all_is_foreseen() -> None:
    assert evidence(RIGHT) == []
    assert evidence("cpuid 0x8012\nio again+0x4\n", count=2) == []


@pytest.mark.parametrize("answer, line", [
    (RIGHT.replace("io", "rdmsr"), "predict 2: expected io at loop.64.elf:again+0x4, "
                                   "seen rdmsr at loop.64.elf:again+0x4"),
    (RIGHT.replace("+0x2", ""), "predict 1: expected cpuid at loop.64.elf:again+0x2, "
                                "seen cpuid at loop.64.elf:again"),
    ("cpuid 0x8012\n", "predict 2: expected io at loop.64.elf:again+0x4, seen nothing"),
    (RIGHT + "hlt start\n", "predict 4: expected no more exits, seen hlt at loop.64.elf:start"),
    ("", "predict 1: expected cpuid at loop.64.elf:again+0x2, seen nothing"),
])
def test_only_the_first_mistake_is_told(answer: str, line: str) -> None:
    assert evidence(answer) == [line]


@pytest.mark.parametrize("line, expected", [
    ("cpuid", "REASON PLACE"), ("cpuid at start", "REASON PLACE"), ("cpuid 8012", "REASON PLACE"),
    ("cpuid start+2", "REASON PLACE"), ("cpuid 0x" + "1" * 17, "REASON PLACE"),
    ("cpuid nowhere+0x1", "a symbol of loop.64.elf"),
])
def test_lines_that_can_not_be_read(line: str, expected: str) -> None:
    assert evidence(f"io 0x1\n{line} # why\n") == [
        f'predict line 2: expected {expected}, seen "{line}"']


def test_the_hypervisors_trace_has_the_places_that_bochs_lacks() -> None:
    traced = trace_exits([
        "x 0 1 0 cpuid 8012 0 72 12 34", "x 0 1 0 io 8014 3f8 7b 12 34",
        "x 0 1 0 preempt 8014 0 0 0 0", "x 0 1 0 hlt 8000 0 78 12 34", "x nonsense"])
    bare = [replace(exit_, rip=None) for exit_ in SEEN]
    placed = with_places(bare, traced)
    assert [exit_.rip for exit_ in placed] == [0x8012, None, 0x8014, 0x8000]
    assert evidence(RIGHT, placed) == []
    assert evidence("cpuid start\n", placed)[0].startswith("predict 1: expected cpuid at ")


def test_a_trace_that_disagrees_has_no_say() -> None:
    bare = [replace(exit_, rip=None) for exit_ in SEEN]
    placed = with_places(bare, [Exit("cpuid", 0, 1), Exit("hlt", 0, 2), Exit("hlt", 0, 3)])
    assert [exit_.rip for exit_ in placed] == [1, None, None, None]
    assert evidence("cpuid 0x1\nio start\nhlt start\n", placed) == []
    assert with_places(SEEN, [Exit("cpuid", 0, 1)]) == SEEN

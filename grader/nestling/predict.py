"""Predictions: a student says in a file which exits a guest will make, and the emulator decides.

A line of the file is an exit: its reason, and the place of the guest's instruction as an address, a
symbol, or a symbol and an offset. Blank lines and comments don't count:

    cpuid  again+0x2    # the first one in the loop
    hlt    0x8012
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from nestling.compare import AT_ANY_TIME, Finding, Names, printable, seen_exit
from nestling.witness import Exit

LINE = re.compile(r"(?P<reason>[a-z_]+) (?:(?P<address>0x[0-9a-f]{1,16})"
                  r"|(?P<symbol>[A-Za-z_.][\w.]*)(?:\+(?P<offset>0x[0-9a-f]{1,16}))?)")
TRACE = re.compile(r"x \d+ \d+ \d+ (\w+) ([0-9a-f]+) .*")


def compare_prediction(answer: str, seen: Sequence[Exit], count: int, names: Names, guest: str
                       ) -> Iterator[Finding]:
    """The lines of an answer that can't be read, or else the first one that is wrong.

    Args:
        seen: all exits; of those that are the guest's own doing the first `count` are asked for.
        guest: file name of the guest that makes them.
    """
    lines = [(number, line) for number, text in enumerate(answer.splitlines(), 1)
             if (line := " ".join(text.partition("#")[0].split()))]
    guesses: list[Exit] = []
    for number, line in lines:
        guess = _read(line, names, guest)
        if isinstance(guess, Exit):
            guesses.append(guess)
        else:
            yield Finding(f"predict line {number}", f'"{printable(line)}"', guess)
    if len(guesses) < len(lines):
        return
    wanted = _own(seen)[:count]
    for index, (want, said) in enumerate(zip_longest(wanted, guesses), 1):
        if want and said and want.reason == said.reason and want.rip in (None, said.rip):
            continue
        expected = seen_exit(want, names, [guest]) if want else "no more exits"
        yield Finding(f"predict {index}", seen_exit(said, names, [guest]), expected)
        return


def _read(line: str, names: Names, guest: str) -> Exit | str:
    """The exit that a line speaks of, or what it should have been instead."""
    match = LINE.fullmatch(line)
    if not match:
        return "REASON PLACE"
    if match["address"]:
        return Exit(match["reason"], 0, int(match["address"], 16))
    address = names.guests[guest].address(match["symbol"]) if guest in names.guests else None
    if address is None:
        return f"a symbol of {guest}"
    return Exit(match["reason"], 0, address + int(match["offset"] or "0", 16))


def trace_exits(trace: Sequence[str]) -> list[Exit]:
    """The exits that the hypervisor itself has told of on port 0xE9."""
    return [Exit(match[1], 0, int(match[2], 16)) for line in trace
            if (match := TRACE.fullmatch(line))]


def with_places(seen: Sequence[Exit], traced: Sequence[Exit]) -> list[Exit]:
    """The witness's exits; where it doesn't tell the instruction, the trace does.

    That ends where the two disagree about what happened.
    """
    placed = list(seen)
    own = [index for index, exit_ in enumerate(seen) if exit_.reason not in AT_ANY_TIME]
    for index, told in zip(own, _own(traced)):
        if seen[index].reason != told.reason:
            break
        if seen[index].rip is None:
            placed[index] = replace(seen[index], rip=told.rip)
    return placed


def _own(exits: Sequence[Exit]) -> list[Exit]:
    """The exits that are the guest's own doing."""
    return [exit_ for exit_ in exits if exit_.reason not in AT_ANY_TIME]

"""The judge: what a run showed, against what its scenario says is right.

Each thing that is wrong becomes a Finding; a finding's text is a line of *evidence*. The hints
in labs/*/lab.toml are regular expressions over such lines, so their wording is an interface:

    todo 1.4: svm_init_guest is yours: labs/01-enter-guest/README.md
    ubsan: hv/hvm/svm.c:123: shift out of bounds
    panic: a page is freed twice
    at: svm_vcpu_init+0x3c hv/hvm/svm.c:230     after a panic, innermost first
    refused: EFER.SVME is 0 in the guest's EFER; VMRUN wants it set (APM vol. 2, 15.5.1)
    bochs: bit 1 of RFLAGS is clear (SDM vol. 3, 26.3.1.4) [Bochs: VMENTER FAIL: ...]
    no end line: the machine went down ...; it was at svm_enter+0x1f hv/hvm/svm_enter.S:40
    timeout: the machine used up its instructions; it was at ...
    output limit: the console grew beyond 8388608 bytes; it was at ...
    stop first: expected exits, seen shutdown
    exit 1: expected hlt at first.64.elf:done, seen shutdown at 0x0
    exit 2: expected no more exits, seen hlt at first.64.elf:done
    exits cpuid: expected 5, seen 4
    exits hlt: expected 1 to 9, seen 12
    exits io: expected none, seen 3
    state first cs.attr: expected 0xa09b, seen 0xc09b
    state first rax: expected 0x10, seen nothing
    print one nonce: expected 0x12345678, seen 0x0
    see rip: expected 0x8000, seen 0x0
    see first trip: expected 0x1 or 0x2, seen nothing
    see intercept_misc1 CPUID: expected 1, seen 0
    see: expected its lines, seen nothing
    told twice: vm first stopped
    told twice: see rip
    status: expected 0, seen 126
    compile: hv/hvm/svm.c:123:9: error: ...     of a tree that can't be built
"Seen" are raw values: registers in hexadecimal, words as the hypervisor or a guest printed them.
The exits are the emulator's own record, so that no program inside can invent them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from nestling import witness
from nestling.boot import VmFile
from nestling.console import HYPERVISOR
from nestling.emulator import Reason, Result
from nestling.errors import UserError
from nestling.isa import Isa
from nestling.scenario import Bits, Place, Scenario, Value
from nestling.symbols import Symbols, symbolize
from nestling.witness import Exit

# These fall where they like; in a scenario's `exits` they count only if it mentions them.
AT_ANY_TIME = {"host_irq", "host_nmi", "preempt", "irq_window"}
NOTHING = "nothing"
REFUSED_WORD = "refused"  # as the reason of a stop, and of an exit
LOG_LINES = 8
TEXT_MAX = 300  # characters of a text that comes from the machine

TODO = re.compile(r"todo ([\w.]+) (\w+) (\S+)")
COMPLAINT = re.compile(r"(ubsan|panic): (.*)")
FRAME = re.compile(r"  at 0x[0-9a-f]+  (.*)")
REFUSED = re.compile(r"(?:vm (\S+)|see) refused: (.*)")
STOPPED = re.compile(r"vm (\S+) stopped reason=(\w+) .*")
STATE = re.compile(r"vm (\S+) state((?: [a-z0-9.]+=0x[0-9a-f]+)+)")
PAIR = re.compile(r"(\S+?)=(\S*)")
SEE = re.compile(r"see ([^=]+)=0x([0-9a-f]+)")


class Status(StrEnum):
    """What became of a run, or of an exercise."""

    PASSED = "passed"
    FAILED = "failed"  # the student's
    SKIPPED = "skipped"  # not looked at
    ERROR = "error"  # the grader's, the emulator's, this computer's


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
class Verdict:
    """What is to be said about one run. `reason` tells of an ERROR, in one sentence."""

    status: Status
    findings: tuple[Finding, ...] = ()
    log: tuple[str, ...] = ()  # the hypervisor's last lines
    reason: str = ""
    seconds: float = 0.0

    @property
    def evidence(self) -> list[str]:
        """One line for each finding, the likeliest cause first."""
        return [str(finding) for finding in self.findings]

    def to_dict(self) -> dict[str, Any]:
        """The verdict in plain types."""
        return {**asdict(self), "status": self.status.value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Verdict:
        """The verdict that to_dict() took apart."""
        findings = tuple(Finding(**finding) for finding in values["findings"])
        return cls(Status(values["status"]), findings, tuple(values["log"]), values["reason"],
                   values["seconds"])


@dataclass(frozen=True)
class Names:
    """Where addresses and numbers have their names."""

    isa: Isa
    hv: Symbols
    guests: Mapping[str, Symbols]  # by file name

    @classmethod
    def of_build(cls, isa: Isa, build: Path) -> Names:
        """The names in what `make` built in the directory `build`."""
        guests = {path.name: Symbols(path) for path in sorted((build / "guest").glob("*.elf"))}
        return cls(isa, Symbols(build / "hv.elf"), guests)

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


@dataclass
class Told:
    """What the hypervisor said in the lines that are meant for us."""

    todo: str = ""  # evidence
    complaints: list[Finding] = field(default_factory=list)  # panic, ubsan, and where
    refusals: dict[str, list[Finding]] = field(default_factory=dict)  # by VM, "" before it ran
    stops: dict[str, str] = field(default_factory=dict)
    state: dict[str, dict[str, int]] = field(default_factory=dict)
    see: dict[str, int] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)

    @property
    def has_panicked(self) -> bool:
        return any(finding.what == "panic" for finding in self.complaints)


def listen(console: str) -> Told:
    """Pick the hypervisor's lines for us from its channel."""
    told = Told()
    for line in console.splitlines():
        if match := TODO.fullmatch(line):
            told.todo = told.todo or line
        elif match := COMPLAINT.fullmatch(line):
            told.complaints.append(Finding(match[1], printable(match[2])))
        elif match := FRAME.fullmatch(line):
            told.complaints.append(Finding("at", match[1]))
        elif match := REFUSED.fullmatch(line):
            told.refusals.setdefault(match[1] or "", []).append(
                Finding("refused", printable(match[2])))
        elif match := STOPPED.fullmatch(line):
            if match[1] in told.stops:
                told.twice.append(f"vm {match[1]} stopped")
            told.stops.setdefault(match[1], match[2])
        elif match := STATE.fullmatch(line):
            _listen_state(told, match[1], match[2])
        elif match := SEE.fullmatch(line):
            if match[1] in told.see:
                told.twice.append(f"see {match[1]}")
            told.see.setdefault(match[1], int(match[2], 16))
    return told


def _listen_state(told: Told, vm: str, pairs: str) -> None:
    known = told.state.setdefault(vm, {})
    for key, value in PAIR.findall(pairs):
        if key in known:
            told.twice.append(f"vm {vm} state {key}")
        known.setdefault(key, int(value, 16))


def judge(scenario: Scenario, result: Result, names: Names, has_witness: bool = True) -> Verdict:
    """Compare what a run showed with what is right.

    Args:
        has_witness: the run's log has the emulator's own record of VM exits.
    """
    if reason := _fault(result):
        return Verdict(Status.ERROR, reason=reason, seconds=result.seconds)
    console = symbolize(result.console, names.hv)
    told = listen(console)
    if match := TODO.fullmatch(told.todo):
        findings = [Finding(f"todo {match[1]}", f"{match[2]} is yours: {match[3]}")]
    else:
        findings = list(_findings(scenario, result, names, told, has_witness))
    return Verdict(Status.FAILED if findings else Status.PASSED, tuple(findings),
                   log_lines(console), seconds=result.seconds)


def _fault(result: Result) -> str:
    """Why the run says nothing about the code under test; "" if it does say something."""
    if result.reason is Reason.FAILED:
        return printable(result.detail)
    if result.reason in (Reason.NO_END, Reason.TIMEOUT) and not result.console.strip():
        return (f"the machine ended before the hypervisor said a word ({result.detail}): the "
                "emulator is broken, or the code that boots is")
    return ""


def _findings(scenario: Scenario, result: Result, names: Names, told: Told,
              has_witness: bool) -> Iterator[Finding]:
    """All that is wrong, the likeliest cause first.

    After a panic, a refusal, or without an end, what has not been seen is no surprise, and not
    mentioned; nor is a refusal told again as a stop and as an exit.
    """
    yield from told.complaints
    refusals = list(_refusals(scenario, result, told))
    yield from refusals
    if result.reason is not Reason.ENDED:
        place = f"; it was at {names.host_place(result.where)}" if result.where is not None else ""
        yield Finding(result.reason.value, result.detail + place)
    is_complete = result.reason is Reason.ENDED and not told.has_panicked
    for vm, reason in scenario.stops.items():
        if refusals and told.stops.get(vm) == REFUSED_WORD:
            continue
        if told.stops.get(vm) != reason and (is_complete or vm in told.stops):
            yield Finding(f"stop {vm}", told.stops.get(vm, NOTHING), reason)
    if has_witness:
        yield from _exit_findings(scenario, result, names, is_complete, bool(refusals))
    if told.see or is_complete and not refusals:
        for finding in compare_see(scenario.see, told.see):
            if is_complete or finding.seen != NOTHING:
                yield finding
    if is_complete and not refusals:
        yield from _final_findings(scenario, result, told)


def _exit_findings(scenario: Scenario, result: Result, names: Names, is_complete: bool,
                   is_refused: bool) -> Iterator[Finding]:
    """What is wrong with the exits. Of a run that broke off only those that there were count."""
    seen = witness.exits(result.log, names.isa)
    if isinstance(scenario.exits, Mapping):
        yield from compare_counts(scenario.exits, [exit_.reason for exit_ in seen if not (
            is_refused and exit_.reason == REFUSED_WORD)], is_complete and not is_refused)
        return
    files = VmFile("", scenario.vm).files
    for finding in compare_exits(scenario.exits, seen, names, files):
        if is_refused and finding.seen == REFUSED_WORD:
            continue
        if is_complete or finding.seen != NOTHING:
            yield finding


def _refusals(scenario: Scenario, result: Result, told: Told) -> Iterator[Finding]:
    """VM entries that were refused, but for those that should be."""
    for vm, findings in told.refusals.items():
        if scenario.stops.get(vm) != REFUSED_WORD:
            yield from findings
    if REFUSED_WORD not in scenario.stops.values():
        for sentence in witness.entry_failures(result.log):
            yield Finding("bochs", printable(sentence))


def _final_findings(scenario: Scenario, result: Result, told: Told) -> Iterator[Finding]:
    """What is wrong at the orderly end of a run."""
    for what in told.twice:
        yield Finding("told twice", what)
    for vm, registers in scenario.state.items():
        yield from compare_state(vm, registers, told.state.get(vm, {}))
    for vm, pairs in scenario.prints.items():
        yield from compare_prints(vm, pairs, _channel(scenario, result, vm))
    if result.status != scenario.status:
        yield Finding("status", str(result.status), str(scenario.status))


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
        yield Finding(f"exit {number + 1}", _seen_exit(got, names, files),
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


def _seen_exit(got: Exit | None, names: Names, files: Sequence[str]) -> str:
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


def compare_see(expected: Mapping[str, Value | Bits], seen: Mapping[str, int]
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
        elif seen.get(name) not in _any_of(value):
            yield _wrong_value(f"see {name}", value, seen.get(name))


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


def _channel(scenario: Scenario, result: Result, vm: str) -> str:
    """What a VM said on the console."""
    number = VmFile("", scenario.vm).vms.index(vm) + 1
    return result.channels.get(chr(ord(HYPERVISOR) + number), "")


def log_lines(console: str) -> tuple[str, ...]:
    """The last lines of the hypervisor's channel, without the long lists of registers."""
    lines = [line for line in console.splitlines()
             if not (STATE.fullmatch(line) or SEE.fullmatch(line))]
    return tuple(printable(line) for line in lines[-LOG_LINES:])


def printable(text: str) -> str:
    """A text from the machine, made safe for a terminal."""
    safe = "".join(char if char.isprintable() else "?" for char in text.replace("\t", " "))
    return safe if len(safe) <= TEXT_MAX else safe[:TEXT_MAX] + "..."

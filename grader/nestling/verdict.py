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
    dirty one 2 0x401000: expected clean, seen dirty
    dirty one 3: expected a report, seen nothing
    see rip: expected 0x8000, seen 0x0
    see first trip: expected 0x1 or 0x2, seen nothing
    see intercept_misc1 CPUID: expected 1, seen 0
    see HOST_CR3: expected 0x17c000, as in CR3, seen 0x0
    see: expected its lines, seen nothing
    told twice: vm first stopped
    told twice: see rip
    predict 3: expected cpuid at file.64.elf:again+0x2, seen io at file.64.elf:start
    predict line 4: expected REASON PLACE, seen "cpuid"
    predict: expected labs/03-exits/predict.txt, seen nothing
    break no-tlb-flush: expected the guest to complain, seen exit status 0
    status: expected 0, seen 126
    compile: hv/hvm/svm.c:123:9: error: ...     of a tree that can't be built
"Seen" are raw values: registers in hexadecimal, words as the hypervisor or a guest printed them;
of a prediction, what the student said. The exits are the emulator's own record, so that no program
inside can invent them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from nestling import witness
from nestling.boot import VmFile
from nestling.compare import (NOTHING, PAIR, REFUSED_WORD, Finding, Names, compare_counts,
                              compare_dirty, compare_exits, compare_prints, compare_see,
                              compare_state, printable)
from nestling.console import HYPERVISOR
from nestling.emulator import Reason, Result
from nestling.predict import compare_prediction, trace_exits, with_places
from nestling.scenario import Scenario
from nestling.symbols import symbolize

LOG_LINES = 8

TODO = re.compile(r"todo ([\w.]+) (\w+) (\S+)")
COMPLAINT = re.compile(r"(ubsan|panic): (.*)")
FRAME = re.compile(r"  at 0x[0-9a-f]+  (.*)")
REFUSED = re.compile(r"(?:vm (\S+)|see) refused: (.*)")
STOPPED = re.compile(r"vm (\S+) stopped reason=(\w+)(?: status=(\d+))?.*")
STATE = re.compile(r"vm (\S+) state((?: [a-z0-9.]+=0x[0-9a-f]+)+)")
DIRTY = re.compile(r"vm (\S+) dirty \d+:((?: 0x[0-9a-f]+-0x[0-9a-f]+)+| none)")
SEE = re.compile(r"see ([^=]+)=0x([0-9a-f]+)")


class Status(StrEnum):
    """What became of a run, or of an exercise."""

    PASSED = "passed"
    FAILED = "failed"  # the student's
    SKIPPED = "skipped"  # not looked at
    ERROR = "error"  # the grader's, the emulator's, this computer's


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


@dataclass
class Told:
    """What the hypervisor said in the lines that are meant for us."""

    todo: str = ""  # evidence
    complaints: list[Finding] = field(default_factory=list)  # panic, ubsan, and where
    refusals: dict[str, list[Finding]] = field(default_factory=dict)  # by VM, "" before it ran
    stops: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)  # at these stops
    state: dict[str, dict[str, int]] = field(default_factory=dict)
    dirty: dict[str, list[str]] = field(default_factory=dict)  # by VM: of each report the ranges
    see: dict[str, int] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)

    @property
    def has_panicked(self) -> bool:
        return any(finding.what == "panic" for finding in self.complaints)


def _is_complete(result: Result, told: Told) -> bool:
    """Did the run come to an orderly end?"""
    return result.reason is Reason.ENDED and not told.has_panicked


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
            told.statuses.setdefault(match[1], int(match[3] or 0))
        elif match := STATE.fullmatch(line):
            _listen_state(told, match[1], match[2])
        elif match := DIRTY.fullmatch(line):
            told.dirty.setdefault(match[1], []).append(match[2])
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


def judge(scenario: Scenario, result: Result, names: Names, has_witness: bool = True,
          answer: str = "") -> Verdict:
    """Compare what a run showed with what is right.

    Args:
        has_witness: the run's log has the emulator's own record of VM exits.
        answer: what the student predicts, if the scenario asks for that.
    """
    def findings(told: Told) -> Iterator[Finding]:
        found = list(_findings(scenario, result, names, told, has_witness))
        yield from found
        if scenario.predict and not found:
            yield from _prediction(scenario, result, names, has_witness, answer)

    return _verdict(result, names, findings)


def judge_broken(scenario: Scenario, result: Result, names: Names, broken: str) -> Verdict:
    """Has the guest found out that the hypervisor is wrong? `broken` is the mistake's name."""
    def findings(told: Told) -> Iterator[Finding]:
        vm = VmFile("", scenario.vm).vms[0]
        if (told.stops.get(vm), told.statuses.get(vm)) == ("exit", 0):
            yield Finding(f"break {broken}", "exit status 0", "the guest to complain")

    return _verdict(result, names, findings)


def _verdict(result: Result, names: Names, findings: Callable[[Told], Iterable[Finding]]
             ) -> Verdict:
    """The verdict on a run; `findings` is asked if the run says anything about the code."""
    if reason := _fault(result):
        return Verdict(Status.ERROR, reason=reason, seconds=result.seconds)
    console = symbolize(result.console, names.hv)
    told = listen(console)
    if match := TODO.fullmatch(told.todo):
        found = [todo(match[1], match[2], match[3])]
    else:
        found = list(findings(told))
    return Verdict(Status.FAILED if found else Status.PASSED, tuple(found), log_lines(console),
                   seconds=result.seconds)


def todo(exercise: str, what: str, handout: str) -> Finding:
    """That an exercise is still to be done: `what` is its function, or its file."""
    return Finding(f"todo {exercise}", f"{what} is yours: {handout}")


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
    is_complete = _is_complete(result, told)
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
    if REFUSED_WORD not in scenario.stops.values() and not scenario.failures:
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
    for vm, reports in scenario.dirty.items():
        yield from compare_dirty(vm, reports, told.dirty.get(vm, []))
    if result.status != scenario.status:
        yield Finding("status", str(result.status), str(scenario.status))


def _prediction(scenario: Scenario, result: Result, names: Names, has_witness: bool, answer: str
                ) -> Iterator[Finding]:
    """What is wrong with a student's prediction."""
    traced = trace_exits(result.trace)
    seen = with_places(witness.exits(result.log, names.isa), traced) if has_witness else traced
    guest = VmFile("", scenario.vm).files[0]
    yield from compare_prediction(answer, seen, scenario.predict_count, names, guest)


def _channel(scenario: Scenario, result: Result, vm: str) -> str:
    """What a VM said on the console."""
    number = VmFile("", scenario.vm).vms.index(vm) + 1
    return result.channels.get(chr(ord(HYPERVISOR) + number), "")


def log_lines(console: str) -> tuple[str, ...]:
    """The last lines of the hypervisor's channel, without the long lists of registers."""
    lines = [line for line in console.splitlines()
             if not (STATE.fullmatch(line) or SEE.fullmatch(line))]
    return tuple(printable(line) for line in lines[-LOG_LINES:])

"""verdict.py: every line of the evidence vocabulary, and what is no evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nestling.compare import Finding, Names, printable
from nestling.emulator import Reason, Result
from nestling.errors import UserError
from nestling.isa import ExitCode, Isa
from nestling.scenario import Bits, Scenario, Value
from nestling.verdict import Status, Verdict, judge, judge_broken, log_lines

ISA = Isa("svm", {code: ExitCode(code, name.upper(), name) for code, name in (
    (0x78, "hlt"), (0x60, "host_irq"), (0x7F, "shutdown"), (0x400, "memory"),
    (0xFFFFFFFF, "refused"))}, {}, {}, {})
VM = 'vm "first" { kernel "first.64.elf" }'


class FakeSymbols:
    """One function from 0x8000 on, and a symbol in it."""

    def address(self, name: str) -> int | None:
        return {"start": 0x8000, "done": 0x8017}.get(name)

    def name(self, address: int) -> str:
        if address == 0x8017:
            return "done"
        return f"start+{address - 0x8000:#x}" if 0x8000 < address < 0x9000 else ""

    def describe(self, address: int, is_return: bool = False) -> str:
        return f"svm_run+{address & 0xFFF:#x} hv/hvm/svm.c:9" if address >> 32 else ""


SYMBOLS: Any = FakeSymbols()
NAMES = Names(ISA, SYMBOLS, {"first.64.elf": SYMBOLS})
STOPPED = "vm first stopped reason=exits status=0 exits=1 rip=0x8017\n"
STATE = "vm first state rax=0x10 rcx=0x0\nvm first state cs=0x8 cs.attr=0xa09b\n"
HLT = "vmexit(00000078, 0000000000000000, 0000000000000000, 0000000000008017)!\n"
IRQ = "vmexit(00000060, 0000000000000000, 0000000000000000, 0000000000008003)!\n"
SHUTDOWN = "vmexit(0000007f, 0000000000000000, 0000000000000000, 0000000000000000)!\n"
ANY_HLT = [("hlt", None)]
RIGHT = Scenario(VM, stops={"first": "exits"}, state={"first": {"rax": 0x10, "cs.attr": 0xA09B}},
                 exits=[("hlt", "first.64.elf:done")])


def result(console: str = STOPPED + STATE, log: str = HLT, reason: Reason = Reason.ENDED,
           status: int | None = 0, detail: str = "", where: int | None = None,
           guest: str = "") -> Result:
    if status is None and reason is Reason.ENDED:
        reason = Reason.NO_END
    return Result(reason, None if reason is not Reason.ENDED else status, detail,
                  {"@": "Nestling\n" + console, "A": guest}, [], log, where, 0, 0.5)


def evidence(scenario: Scenario = RIGHT, has_witness: bool = True, **what: Any) -> list[str]:
    verdict = judge(scenario, result(**what), NAMES, has_witness)
    assert verdict.status is (Status.FAILED if verdict.findings else Status.PASSED)
    return verdict.evidence


def test_all_is_well() -> None:
    assert evidence() == []
    assert evidence(log=IRQ + HLT + IRQ) == []
    assert judge(RIGHT, result(), NAMES).seconds == 0.5


def test_a_stub_is_all_there_is_to_say() -> None:
    console = "todo 1.4 svm_init_guest labs/01-x/README.md\nexercise 1.4 is yours\n"
    assert evidence(console=console, log="", status=126) == [
        "todo 1.4: svm_init_guest is yours: labs/01-x/README.md"]


def test_a_panic_has_a_place_and_what_follows_is_left_out() -> None:
    console = "panic: no idea\n  at 0xffffffff80100123\n  at 0xffffffff80100456\nend status=126\n"
    assert evidence(console=console, log="", status=126) == [
        "panic: no idea", "at: svm_run+0x123 hv/hvm/svm.c:9", "at: svm_run+0x456 hv/hvm/svm.c:9"]


def test_undefined_behaviour() -> None:
    console = "ubsan: hv/hvm/svm.c:12: shift out of bounds\npanic: undefined behaviour\n"
    assert evidence(console=console, log=SHUTDOWN, status=126) == [
        "ubsan: hv/hvm/svm.c:12: shift out of bounds", "panic: undefined behaviour",
        "exit 1: expected hlt at first.64.elf:done, seen shutdown at 0x0"]


REFUSED = STOPPED + """\
vm first refused: EFER.SVME is 0 (APM vol. 2, 15.5.1)
vm first state rax=0x0
"""
REFUSED_LOG = """\
00006739500e[CPU0  ] VMRUN: Guest EFER.SVME = 0
00006739526d[CPU0  ] SVM VMEXIT reason=-1 exitinfo1=0000000000000000 exitinfo2=0000000000000000
"""


def test_a_refused_entry_is_told_by_both_and_the_registers_are_no_news() -> None:
    lines = evidence(console=REFUSED, log=REFUSED_LOG)
    assert lines[0] == "refused: EFER.SVME is 0 (APM vol. 2, 15.5.1)"
    assert lines[1].startswith("bochs: EFER.SVME is 0 in the guest's EFER (APM vol. 2, 15.5.1) [")
    assert lines[2:] == []


def test_a_refused_entry_may_be_what_is_wanted() -> None:
    scenario = Scenario(VM, stops={"first": "refused"}, exits=[("refused", None)])
    console = REFUSED.replace("reason=exits", "reason=refused")
    assert evidence(scenario, console=console, log=REFUSED_LOG) == []
    assert evidence(scenario)[0] == "stop first: expected refused, seen exits"


@pytest.mark.parametrize("reason, words", [
    (Reason.NO_END, "no end line"), (Reason.TIMEOUT, "timeout"), (Reason.FLOOD, "output limit")])
def test_no_orderly_end(reason: Reason, words: str) -> None:
    assert evidence(console="", log="", reason=reason, detail="so it was") == [
        f"{words}: so it was"]
    assert evidence(console="", log=SHUTDOWN, reason=reason, detail="so", where=1 << 63) == [
        f"{words}: so; it was at svm_run+0x0 hv/hvm/svm.c:9",
        "exit 1: expected hlt at first.64.elf:done, seen shutdown at 0x0"]
    assert evidence(console="", log="", reason=reason, detail="so", where=0) == [
        f"{words}: so; it was at 0x0, which is not in the hypervisor"]


def test_the_wrong_stop_and_state() -> None:
    console = "vm first stopped reason=shutdown status=0 exits=1 rip=0x0\n" + STATE
    assert evidence(console=console.replace("a09b", "c09b"), log=SHUTDOWN, status=3) == [
        "stop first: expected exits, seen shutdown",
        "exit 1: expected hlt at first.64.elf:done, seen shutdown at 0x0",
        "state first cs.attr: expected 0xa09b, seen 0xc09b",
        "status: expected 0, seen 3"]


def test_what_is_missing() -> None:
    assert evidence(console="") == ["stop first: expected exits, seen nothing",
                                    "state first: expected its registers, seen nothing"]
    assert evidence(console=STOPPED + "vm first state rax=0x10\n") == [
        "state first cs.attr: expected 0xa09b, seen nothing"]


def test_several_values_may_be_right() -> None:
    scenario = Scenario(VM, ANY_HLT, state={"first": {"rax": (0x10, 0x20), "rcx": (1, 2)}})
    assert evidence(scenario) == ["state first rcx: expected 0x1 or 0x2, seen 0x0"]


def test_what_is_told_twice_is_no_answer() -> None:
    assert evidence(console=STOPPED + STATE + STOPPED + "vm first state rax=0x1\n") == [
        "told twice: vm first stopped", "told twice: vm first state rax"]


@pytest.mark.parametrize("log, line", [
    ("", "exit 1: expected hlt at first.64.elf:done, seen nothing"),
    (HLT + HLT, "exit 2: expected no more exits, seen hlt at first.64.elf:done"),
    (HLT.replace("8017", "8010"),
     "exit 1: expected hlt at first.64.elf:done, seen hlt at first.64.elf:start+0x10"),
    (IRQ + SHUTDOWN + HLT, "exit 1: expected hlt at first.64.elf:done, seen shutdown at 0x0"),
])
def test_the_emulators_own_record_counts(log: str, line: str) -> None:
    assert evidence(log=log) == [line]


def test_without_a_witness_there_is_nothing_to_compare() -> None:
    assert evidence(log="", has_witness=False) == []


def test_bochs_tells_reasons_only() -> None:
    log = "00006425500d[CPU0  ] SVM VMEXIT reason=120 exitinfo1=0000000000000000 exitinfo2=0\n"
    assert evidence(log=log) == []
    log = log.replace("120", "127")
    assert evidence(log=log) == ["exit 1: expected hlt at first.64.elf:done, seen shutdown"]


def test_places() -> None:
    scenario = Scenario(VM, exits=[("host_irq", 0x8003), ("hlt", "first.64.elf:start+0x17")])
    assert evidence(scenario, log=IRQ + HLT) == []
    assert evidence(scenario, log=HLT) == [
        "exit 1: expected host_irq at 0x8003, seen hlt at first.64.elf:done"]
    for place in ("first.64.elf:nowhere", "other.elf:done"):
        with pytest.raises(UserError, match=f"the scenario names {place}, and no guest"):
            evidence(Scenario(VM, exits=[("hlt", place)]))


def counted(counts: dict[str, int | range], log: str, **what: Any) -> list[str]:
    return evidence(Scenario(VM, counts), log=log, **what)


def test_exits_can_be_counted() -> None:
    assert counted({"hlt": 2, "host_irq": 1}, HLT + IRQ + HLT) == []
    assert counted({"hlt": range(1, 3)}, HLT + IRQ + HLT) == []
    assert counted({"hlt": 0, "memory": range(0, 5)}, IRQ) == []
    assert counted({"hlt": range(3, 10), "cpuid": 1, "host_irq": 0}, HLT + SHUTDOWN + IRQ) == [
        "exits hlt: expected 3 to 9, seen 1", "exits cpuid: expected 1, seen 0",
        "exits host_irq: expected none, seen 1", "exits shutdown: expected none, seen 1"]


def test_entries_that_fail_on_purpose() -> None:
    log = "00006739500e[CPU0  ] VMFAIL: VMLAUNCH with non-clear VMCS!\n"
    assert evidence(Scenario(VM, [], failures=True), console="", log=log) == []
    assert evidence(Scenario(VM, []), console="", log=log)[0].startswith("bochs: VMLAUNCH")


def test_of_a_run_that_broke_off_only_too_many_exits_count() -> None:
    panic = "panic: no idea\n"
    assert counted({"hlt": 1, "cpuid": 2}, HLT + HLT + SHUTDOWN, console=panic, status=126) == [
        "panic: no idea", "exits hlt: expected 1, seen 2", "exits shutdown: expected none, seen 1"]
    lines = counted({"hlt": 1}, REFUSED_LOG, console=REFUSED)
    assert [line.split(":")[0] for line in lines] == ["refused", "bochs"]


SEE = "see rip=0x0\nsee first trip=0x1\nsee controls=0x5\n"


@pytest.mark.parametrize("see, lines", [
    ({"rip": 0, "first trip": (1, 2), "controls": Bits({"A": 1, "AC": 5}, {"B": 2})}, []),
    ({"rip": 0x8000}, ["see rip: expected 0x8000, seen 0x0"]),
    ({"first trip": (2, 3)}, ["see first trip: expected 0x2 or 0x3, seen 0x1"]),
    ({"rsp": 1}, ["see rsp: expected 0x1, seen nothing"]),
    ({"rsp": Bits({"A": 1})}, ["see rsp: expected its bits, seen nothing"]),
    ({"controls": Bits({"A": 1, "B": 2}, {"C": 4})}, [
        "see controls B: expected 1, seen 0", "see controls C: expected 0, seen 1"]),
    ({"controls": Bits({"LOW": 0xF}, {"HIGH": 0xC})}, [
        "see controls LOW: expected 0xf, seen 0x5", "see controls HIGH: expected 0x0, seen 0x4"]),
    ({"rip": "rip"}, []),
    ({"rip": "controls"}, ["see rip: expected 0x5, as in controls, seen 0x0"]),
    ({"rsp": "rip"}, ["see rsp: expected 0x0, as in rip, seen nothing"]),
    ({"rip": "rsp"}, ["see rsp: expected a value, seen nothing"]),
])
def test_what_the_hypervisor_shows(see: dict[str, Value | Bits | str], lines: list[str]) -> None:
    scenario = Scenario(VM, [], see=see)
    assert evidence(scenario, console=SEE, log="") == lines


def test_nothing_shown_is_one_finding() -> None:
    scenario = Scenario(VM, [], see={"rip": 0, "rsp": 0})
    assert evidence(scenario, console="", log="") == ["see: expected its lines, seen nothing"]
    assert evidence(scenario, console="panic: no\n", log="") == ["panic: no"]
    assert evidence(scenario, console="see rip=0x1\npanic: no\n", log="") == [
        "panic: no", "see rip: expected 0x0, seen 0x1"]


def test_shown_twice_is_no_answer() -> None:
    scenario = Scenario(VM, [], see={"rip": 0})
    assert evidence(scenario, console=SEE + "see rip=0x0\n", log="") == ["told twice: see rip"]


def test_a_refusal_before_the_guest_runs() -> None:
    console = "see refused: EFER.SVME is 0 (APM vol. 2, 15.5.1)\n" + SEE
    assert evidence(Scenario(VM, [], see={"rip": 1}), console=console, log="") == [
        "refused: EFER.SVME is 0 (APM vol. 2, 15.5.1)", "see rip: expected 0x1, seen 0x0"]


def test_what_guests_print() -> None:
    scenario = Scenario(VM, ANY_HLT, prints={"first": {"nonce": "0x1", "cr0": "0x10", "x": "1"}})
    assert evidence(scenario, guest="hello\nnonce=0x1\n cr0=0x10 \nx=1\n") == []
    assert evidence(scenario, guest="nonce=0x1\ncr0=0x11\nx=1\nx=2\n") == [
        "print first cr0: expected 0x10, seen 0x11", "print first x: expected 1, seen 1 and 2"]
    assert evidence(scenario)[0] == "print first nonce: expected 0x1, seen nothing"


def test_pages_that_were_written_to() -> None:
    scenario = Scenario(VM, ANY_HLT, dirty={"first": [[0x1000, 0x2000, 0x5000], []]})
    first, second = "vm first dirty 1: 0x1000-0x2fff 0x5000-0x5fff\n", "vm first dirty 2: none\n"
    assert evidence(scenario, console=first + second) == []
    assert evidence(scenario, console=first) == ["dirty first 2: expected a report, seen nothing"]
    assert evidence(scenario, console=second + first + second) == [
        "dirty first 1 0x1000: expected dirty, seen clean",
        "dirty first 2 0x1000: expected clean, seen dirty",
        "dirty first 3: expected no more reports, seen a report"]
    everything = "vm first dirty 1: 0x0-0xffffffffffffffff\n"
    assert evidence(scenario, console=everything + second) == [
        "dirty first 1 0x0: expected clean, seen dirty"]


@pytest.mark.parametrize("stop, lines", [
    ("reason=exit status=0", ["break deaf: expected the guest to complain, seen exit status 0"]),
    ("reason=exit status=3", []), ("reason=shutdown status=0", []),
])
def test_a_guest_must_complain_of_a_broken_hypervisor(stop: str, lines: list[str]) -> None:
    console = f"vm first stopped {stop} exits=1 rip=0x8017\n"
    assert judge_broken(RIGHT, result(console), NAMES, "deaf").evidence == lines


def test_a_stub_below_a_broken_hypervisor_is_a_stub() -> None:
    verdict = judge_broken(RIGHT, result("todo 1.4 svm_run labs/01-x/README.md\n"), NAMES, "deaf")
    assert verdict.evidence == ["todo 1.4: svm_run is yours: labs/01-x/README.md"]
    silent = Result(Reason.NO_END, None, "no", {}, [], "", None, 0, 0.1)
    assert judge_broken(RIGHT, silent, NAMES, "deaf").status is Status.ERROR


def test_a_prediction_is_looked_at_when_all_else_is_right() -> None:
    scenario = replace(RIGHT, predict="labs/01-x/predict.txt")
    assert judge(scenario, result(), NAMES, answer="hlt done\n").evidence == []
    assert judge(scenario, result(), NAMES, answer="hlt start\n").evidence == [
        "predict 1: expected hlt at first.64.elf:done, seen hlt at 0x8000"]
    assert judge(scenario, result(log=SHUTDOWN), NAMES, answer="hlt start\n").evidence == [
        "exit 1: expected hlt at first.64.elf:done, seen shutdown at 0x0"]
    without = replace(result(log=""), trace=["x 0 1 0 hlt 8017 0 78 1 2"])
    assert judge(scenario, without, NAMES, False, "hlt done\n").evidence == []
    assert judge(scenario, without, NAMES, False, "io done\n").evidence == [
        "predict 1: expected hlt at first.64.elf:done, seen io at first.64.elf:done"]


@pytest.mark.parametrize("what, words", [
    ({"reason": Reason.FAILED, "detail": "QEMU was killed"}, "QEMU was killed"),
    ({"reason": Reason.NO_END, "detail": "triple fault"}, "before the hypervisor said a word"),
    ({"reason": Reason.TIMEOUT, "detail": "no end"}, "before the hypervisor said a word"),
])
def test_faults_that_are_not_the_students(what: dict[str, Any], words: str) -> None:
    silent = Result(what["reason"], None, what["detail"], {}, [], "", None, 0, 0.1)
    verdict = judge(RIGHT, silent, NAMES)
    assert verdict.status is Status.ERROR
    assert words in verdict.reason


def test_a_verdict_can_travel() -> None:
    verdict = Verdict(Status.FAILED, (Finding("stop a", "x", "y"), Finding("panic", "z")),
                      ("log",), "", 0.5)
    assert Verdict.from_dict(verdict.to_dict()) == verdict
    assert type(verdict.to_dict()["status"]) is str


def test_the_log_is_short_and_safe() -> None:
    console = "".join(f"line {number}\n" for number in range(20))
    console += STATE + SEE + "\x1b[2J\x07\tend\n"
    assert log_lines(console) == (*(f"line {number}" for number in range(13, 20)), "?[2J? end")
    assert len(printable("x" * 5000)) < 400


def test_names_of_a_build(tmp_path: Path) -> None:
    (tmp_path / "guest").mkdir()
    (tmp_path / "guest" / "a.elf").touch()
    names = Names.of_build(ISA, tmp_path)
    assert list(names.guests) == ["a.elf"]
    assert names.hv.path == tmp_path / "hv.elf"

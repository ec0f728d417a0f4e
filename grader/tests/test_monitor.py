"""monitor.py: what Bochs's debugger and log tell of a triple fault."""

from __future__ import annotations

from pathlib import Path

from nestling.monitor import BochsDebugger

FAULT = "00009803743p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception with no resolution\n"
EXIT = "00009803743d[CPU0  ] SVM VMEXIT reason=127 exitinfo1=0000000000000000\n"
REGISTERS = b"rip: ffffffff_80103345\neflags 0x00010002: id vip\n"


def test_a_triple_fault_of_the_hypervisor(tmp_path: Path) -> None:
    debugger = BochsDebugger(tmp_path, guest_faults=True, exit_log=tmp_path / "log")
    (tmp_path / "log").write_text(FAULT)
    debugger.poll(REGISTERS[:10])
    assert not debugger.fallen
    debugger.poll(REGISTERS)
    assert debugger.fallen
    debugger.finish(REGISTERS.decode())
    assert debugger.where == 0xFFFFFFFF80103345


def test_a_triple_fault_of_a_guest(tmp_path: Path) -> None:
    debugger = BochsDebugger(tmp_path, guest_faults=True, exit_log=tmp_path / "log")
    (tmp_path / "log").write_text(FAULT + EXIT)
    debugger.poll(REGISTERS)
    assert not debugger.fallen
    (tmp_path / "log").write_text(FAULT + EXIT + FAULT)
    debugger.poll(REGISTERS)  # nothing new to look at
    assert not debugger.fallen
    debugger.poll(REGISTERS * 2)
    assert debugger.fallen


def test_without_the_exits_in_the_log_nobody_can_tell(tmp_path: Path) -> None:
    debugger = BochsDebugger(tmp_path, guest_faults=True)
    debugger.poll(REGISTERS)
    assert not debugger.fallen


def test_a_budget_that_is_used_up(tmp_path: Path) -> None:
    debugger = BochsDebugger(tmp_path, instructions=1000, guest_faults=True,
                             exit_log=tmp_path / "log")
    (tmp_path / "log").write_text("")
    debugger.poll(b"(0) Caught time breakpoint\n" + REGISTERS)
    assert (debugger.expired, debugger.fallen) == (True, False)

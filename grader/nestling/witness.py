"""What the emulator itself says about VM exits and refused VM entries.

The hypervisor under test may be wrong about itself, or lie. The emulator's log comes from outside
and can't: QEMU prints each #VMEXIT with code, information and guest RIP, Bochs each exit
with code and information, and for a refused entry the rule that was broken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nestling.entryrules import explain_failure
from nestling.isa import CODE_MASK, Isa

# Of an event that the entry injects QEMU says more once it is delivered; an exit may come before.
QEMU_EXIT = re.compile(r"^(?:Injecting\([0-9a-fx]+\): [A-Z]+)?"
                       r"vmexit\(([0-9a-f]+), ([0-9a-f]+), ([0-9a-f]+), ([0-9a-f]+)\)!")
BOCHS_SVM_EXIT = re.compile(r"SVM VMEXIT reason=(-?\d+) exitinfo1=([0-9a-f]+)")
BOCHS_VMX_EXIT = re.compile(r"\] VMEXIT reason = (\d+) \(.*\) qualification=0x([0-9a-f]+)")
BOCHS_VMX_EVENT = re.compile(r"\] VMEXIT: event vector 0x([0-9a-f]+) type (\d+)")
BOCHS_FAILURE = re.compile(
    r"^\d+e\[CPU\d+ *\] ((?:VMENTER |VM)?FAIL: .*|VMRUN\b.*|SVM: VMRUN.*|"
    r"(?:VMPTRLD|VMXON|VMCLEAR|VMREAD|VMWRITE|VMLOAD|VMSAVE|WRMSR SVM_HSAVE_PA_MSR): .*|"
    r"VMEXIT: Error when loading guest MSR .*)$")

ABSENT_FIELD = "VMREAD: not supported field"
VMX_EXCEPTION_OR_NMI = 0
EVENT_NMI = 2


@dataclass(frozen=True)
class Exit:
    """One VM exit, seen from outside. `reason` is a neutral name, as in hv/exit.def."""

    reason: str
    code: int
    rip: int | None  # of the guest, where the emulator tells it
    info: int = 0  # EXITINFO1, or the exit qualification


def exits(log: str, isa: Isa) -> list[Exit]:
    """All exits in the order in which they happened, from the log of QEMU or Bochs."""
    found: list[Exit] = []
    event = -1  # type of the event that Bochs announced for the exit to come
    for line in log.splitlines():
        if match := QEMU_EXIT.match(line):
            found.append(_exit(isa, int(match[1], 16), int(match[2], 16), int(match[4], 16)))
        elif match := BOCHS_SVM_EXIT.search(line):
            found.append(_exit(isa, int(match[1]), int(match[2], 16)))
        elif match := BOCHS_VMX_EVENT.search(line):
            event = int(match[2])
        elif match := BOCHS_VMX_EXIT.search(line):
            exit_ = _exit(isa, int(match[1]), int(match[2], 16))
            if exit_.code == VMX_EXCEPTION_OR_NMI:
                reason = "host_nmi" if event == EVENT_NMI else "exception"
                exit_ = Exit(reason, exit_.code, None, exit_.info)
            found.append(exit_)
            event = -1
    return found


def entry_failures(log: str) -> list[str]:
    """One sentence for each VM entry or VMX/SVM instruction that Bochs refused, in order.

    A sentence ends with what Bochs said. One that repeats the sentence before is left out, and so
    is a VMREAD of a field that the CPU lacks: the hypervisor tries all fields when it shows a VMCS.
    """
    sentences: list[str] = []
    for line in log.splitlines():
        match = BOCHS_FAILURE.match(line)
        if match and not match[1].startswith(ABSENT_FIELD):
            sentence = explain_failure(match[1].strip())
            if sentences[-1:] != [sentence]:
                sentences.append(sentence)
    return sentences


def _exit(isa: Isa, code: int, info: int, rip: int | None = None) -> Exit:
    code &= CODE_MASK
    reason = isa.exit(code).neutral
    if isa.name == "svm" and reason == "rdmsr" and info & 1:
        reason = "wrmsr"  # one exit code for both; EXITINFO1 tells them apart
    return Exit(reason, code, rip, info)

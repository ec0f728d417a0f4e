"""witness.py and entryrules.py, on lines that QEMU 7.2 and Bochs 2.7 really wrote."""

from __future__ import annotations

import re

import pytest

from nestling.entryrules import RULES, explain_failure
from nestling.isa import ExitCode, Isa
from nestling.witness import Exit, entry_failures, exits


def table(name: str, **codes: int) -> Isa:
    """A table of exits by neutral name."""
    return Isa(name, {code: ExitCode(code, neutral.upper(), neutral)
                      for neutral, code in codes.items()}, {}, {}, {})


SVM = table("svm", cpuid=0x72, rdmsr=0x7C, memory=0x400, refused=0xFFFFFFFF)
VMX = table("vmx", exception=0, hypercall=18, memory=48, refused=33)

QEMU_LOG = """\
vmrun! 0000000001006000
vmexit(00000072, 0000000000000000, 0000000000000000, 000000000000828c)!
vmrun! 0000000001006000
vmexit(0000007c, 0000000000000000, 0000000000000000, ffffffff80008290)!
vmexit(0000007c, 0000000000000001, 0000000000000000, 0000000000008292)!
Injecting(0): INTRvmexit(00000400, 0000000100000006, 00000000fee00000, 0000000000008294)!
Injecting(0): INTR 0x40 0
vmexit(ffffffff, 0000000000000000, 0000000000000000, 0000000000008000)!
vmexit(0000004e, 0000000000000000, 0000000000000000, 0000000000008296)!
"""

BOCHS_SVM_LOG = """\
00006425497d[CPU0  ] VMRUN VMCB ptr: 0x000000000011a000
00006425497d[CPU0  ] VMRUN: Starting Nested Paging Mode !
00006425500d[CPU0  ] SVM VMEXIT reason=114 exitinfo1=0000000000000000 exitinfo2=0000000000000000
00006425501d[CPU0  ] SVM VMEXIT reason=124 exitinfo1=0000000000000001 exitinfo2=0000000000000000
00006739526d[CPU0  ] SVM VMEXIT reason=-1 exitinfo1=0000000000000000 exitinfo2=0000000000000000
"""

BOCHS_VMX_LOG = """\
00011808926d[CPU0  ] VMLAUNCH VMCS ptr: 0x0000000000124000
00011808926d[CPU0  ] VMENTER to x86-64 guest
00011808928d[CPU0  ] VMEXIT reason = 18 (VMCALL) qualification=0x0
00011808928d[CPU0  ] VMEXIT to x86-64 host
00030019443d[CPU0  ] VMEXIT: event vector 0x0d type 3 error code=0x0000
00030019443d[CPU0  ] VMEXIT reason = 0 (Exception or NMI) qualification=0x0
00030019500d[CPU0  ] VMEXIT: event vector 0x02 type 2 error code=0x0000
00030019500d[CPU0  ] VMEXIT reason = 0 (Exception or NMI) qualification=0x0
00030019550d[CPU0  ] VMEXIT reason = 0 (Exception or NMI) qualification=0x0
00030019600d[CPU0  ] VMEXIT reason = 48 (EPT Violation) qualification=0x182
00015532720e[CPU0  ] VMENTER FAIL: VMCS guest invalid CR0
00015532720e[CPU0  ] VMEXIT: Guest State Checks Failed
00015532720d[CPU0  ] VMEXIT reason = 33 (VMEntry failure due to invalid guest state) \
qualification=0x0
"""


def test_qemu() -> None:
    assert exits(QEMU_LOG, SVM) == [
        Exit("cpuid", 0x72, 0x828C),
        Exit("rdmsr", 0x7C, 0xFFFFFFFF80008290),
        Exit("wrmsr", 0x7C, 0x8292, 1),
        Exit("memory", 0x400, 0x8294, 0x100000006),
        Exit("refused", 0xFFFFFFFF, 0x8000),
        Exit("exception", 0x4E, 0x8296),
    ]


def test_bochs_svm() -> None:
    assert exits(BOCHS_SVM_LOG, SVM) == [
        Exit("cpuid", 0x72, None), Exit("wrmsr", 0x7C, None, 1), Exit("refused", 0xFFFFFFFF, None)]


def test_bochs_vmx() -> None:
    assert exits(BOCHS_VMX_LOG, VMX) == [
        Exit("hypercall", 18, None), Exit("exception", 0, None), Exit("host_nmi", 0, None),
        Exit("exception", 0, None), Exit("memory", 48, None, 0x182), Exit("refused", 33, None)]


def test_nothing_happened() -> None:
    assert exits("", SVM) == []
    assert entry_failures(QEMU_LOG + BOCHS_SVM_LOG) == []


def test_a_refused_entry_is_told_once() -> None:
    log = """\
00015532720e[CPU0  ] VMENTER FAIL: VMCS guest CS.AR/LIMIT malformed
00015532720e[CPU0  ] VMEXIT: Guest State Checks Failed
00015532990e[CPU0  ] VMENTER FAIL: VMCS guest CS.AR/LIMIT malformed
00015536184e[CPU0  ] VMFAIL: VMLAUNCH with non-clear VMCS!
00015536999e[HD    ] trouble with a disk
00000000000e[PLUGIN] VMFAIL: not from a CPU
"""
    assert entry_failures(log) == [
        "the limit of CS doesn't fit its granularity bit G, or its access rights have a reserved "
        "bit set (SDM vol. 3, 26.3.1.2) [Bochs: VMENTER FAIL: VMCS guest CS.AR/LIMIT malformed]",
        "VMLAUNCH of a VMCS that was launched before; use VMRESUME, or VMCLEAR first "
        "(SDM vol. 3, 30.3, VMLAUNCH) [Bochs: VMFAIL: VMLAUNCH with non-clear VMCS!]",
    ]


@pytest.mark.parametrize("message, words", [
    ("VMFAIL: VMCS EXEC CTRL: VMX proc-based controls allowed 1-settings [0x08060001]",
     "the primary processor-based VM-execution controls have a bit set"),
    ("VMFAIL: VMCS EXEC CTRL: VMX pin-based controls allowed 0-settings",
     "the pin-based VM-execution controls have a bit clear"),
    ("VMFAIL: VMCS host segreg 1 TI/RPL != 0", "the host's CS selector"),
    ("VMFAIL: VMCS host EFER (0x00000000) inconsistent value !", "the host's IA32_EFER"),
    ("VMENTER FAIL: VMCS guest EFER (0x00000500) inconsistent value !", "the guest's"),
    ("VMENTER FAIL: VMCS guest LDTR is not system segment", "rights of LDTR"),
    ("VMENTER FAIL: VMCS guest FS not segment", "rights of FS"),
    ("VMENTER FAIL: VMCS guest GS.BASE non canonical", "guest's GS base"),
    ("VMENTER FAIL: VMCS guest incorrect TR type", "busy TSS"),
    ("VMPTRLD: not expected (19088743 != 43) VMCS revision id !", "revision identifier"),
    ("VMRUN: attempt to run guest with host ASID !", "GUEST_ASID is 0"),
    ("VMRUN: Guest EFER.SVME = 0", "EFER.SVME is 0"),
    ("VMRUN: VMCB CS.D_B/L mismatch", "CS.L and CS.D"),
])
def test_sentences(message: str, words: str) -> None:
    sentence = explain_failure(message)
    assert words in sentence
    assert sentence.endswith(f"[Bochs: {message}]")
    assert re.search(r"\((SDM vol\. 3|APM vol\. 2), \d", sentence)
    assert entry_failures(f"00015532720e[CPU0  ] {message}\n") == [sentence]


def test_a_message_nobody_knows() -> None:
    assert explain_failure("VMFAIL: VMCS something new !") == (
        "the CPU refused: VMCS something new [Bochs: VMFAIL: VMCS something new !]")


def test_every_sentence_can_be_filled_in() -> None:
    for pattern, sentence, _ in RULES:
        groups = ["0"] * re.compile(pattern).groups
        filled = sentence.format(*groups, any="", control="", segment="")
        assert "{" not in filled

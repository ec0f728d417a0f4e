"""Bochs's words for a refused VM entry, in plain English with the manual's section.

Bochs checks about 180 rules and names the broken one, in its own shorthand. A pattern here may
stand for a whole family of messages; groups of a pattern can be used in its sentence.
"""

from __future__ import annotations

import re

SDM = "SDM vol. 3, "
APM = "APM vol. 2, "

CONTROLS, HOST, HOST_SPACE = SDM + "26.2.1.1", SDM + "26.2.2", SDM + "26.2.4"
HOST_SEGMENTS = SDM + "26.2.3"
EXIT_CONTROLS, ENTRY_CONTROLS = SDM + "26.2.1.2", SDM + "26.2.1.3"
GUEST_CR, GUEST_SEGMENTS, GUEST_TABLES = SDM + "26.3.1.1", SDM + "26.3.1.2", SDM + "26.3.1.3"
GUEST_RIP, GUEST_OTHER = SDM + "26.3.1.4", SDM + "26.3.1.5"
VMRUN = APM + "15.5.1"

CONTROL_FIELDS = {
    "pin-based": "pin-based VM-execution controls",
    "proc-based": "primary processor-based VM-execution controls",
    "secondary": "secondary processor-based VM-execution controls",
    "vmexit": "VM-exit controls",
    "vmentry": "VM-entry controls",
}

# (pattern, sentence, section). The first that matches counts.
RULES: list[tuple[str, str, str]] = [
    # Intel: VM-execution, VM-exit and VM-entry controls
    (r"VMX (\S+) controls allowed 0-settings",
     "the {control} have a bit clear that the capability MSR wants set", CONTROLS),
    (r"VMX (\S+) controls allowed 1-settings",
     "the {control} have a bit set that this CPU doesn't have", CONTROLS),
    (r"CR3 targets (\d+)", "the CR3-target count is {0}; the CPU has fewer", CONTROLS),
    (r"I/O bitmap (\w) phy addr", "the address of I/O bitmap {0} is not that of a page", CONTROLS),
    (r"MSR bitmap phy addr", "the address of the MSR bitmaps is not that of a page", CONTROLS),
    (r"(VMREAD|VMWRITE) bitmap phy addr", "the address of the {0} bitmap is not that of a page",
     CONTROLS),
    (r"misconfigured virtual NMI", "virtual NMIs or NMI-window exiting are on without NMI "
     "exiting", CONTROLS),
    (r"virtual apic phy addr", "the virtual-APIC address is not that of a page", CONTROLS),
    (r"apic access page phy addr", "the APIC-access address is not that of a page", CONTROLS),
    (r"virtual interrupt delivery must be", "virtual-interrupt delivery is on without "
     "external-interrupt exiting", CONTROLS),
    (r"TPR threshold too big", "bits 31:4 of the TPR threshold are not zero", CONTROLS),
    (r"TPR threshold > TPR", "the TPR threshold is above bits 7:4 of the virtual TPR", CONTROLS),
    (r"without TPR shadow", "APIC virtualization is on without the TPR shadow", CONTROLS),
    (r"X2APIC mode enabled together", "x2APIC mode and APIC accesses are virtualized together",
     CONTROLS),
    (r"invalid EPTPTR", "the EPT pointer has a wrong memory type, walk length (it is length minus "
     "one), or reserved bit", CONTROLS),
    (r"unrestricted guest without EPT", "\"unrestricted guest\" is on without EPT", CONTROLS),
    (r"VPID == 0", "VPIDs are on, but the VPID is 0, which is the host's", CONTROLS),
    (r"PML is enabled without", "the page-modification log is on without EPT", CONTROLS),
    (r"PML base", "the address of the page-modification log is not that of a page", CONTROLS),
    (r"SPP is enabled without", "sub-page permissions are on without EPT", CONTROLS),
    (r"VM Functions control", "the VM-function controls have a reserved bit set", CONTROLS),
    (r"EPTP-SWITCHING", "EPTP switching is on without EPT or without a good list", CONTROLS),
    (r"TSC multiplier", "TSC scaling is on, but the TSC multiplier is 0", CONTROLS),
    (r"save_VMX_preemption_timer", "the exit saves the preemption timer, but the timer is off",
     EXIT_CONTROLS),
    (r"VMEXIT CTRL: msr (\w+) addr", "the VM-exit MSR-{0} area is not 16-byte aligned, or too high",
     EXIT_CONTROLS),
    (r"VMENTRY CTRL: msr load addr", "the VM-entry MSR-load area is not 16-byte aligned, or too "
     "high", ENTRY_CONTROLS),
    (r"broken interruption info", "the VM-entry interruption information has a reserved bit set",
     ENTRY_CONTROLS),
    (r"bad injected event vector (\d+)", "vector {0} doesn't fit the type of the injected event",
     ENTRY_CONTROLS),
    (r"bad injected event instr", "the VM-entry instruction length is out of range for an "
     "injected software interrupt or exception", ENTRY_CONTROLS),
    (r"bad injected event type (\d+)", "type {0} of an injected event is reserved",
     ENTRY_CONTROLS),
    (r"injected event vector (\d+) broken error code", "an error code is injected with vector {0}, "
     "which has none, or left out where there is one", ENTRY_CONTROLS),
    (r"bad error code (\S+) for", "the injected error code {0} has reserved bits set",
     ENTRY_CONTROLS),
    (r"bad MTF injection", "a pending MTF VM exit is injected with a vector other than 0",
     ENTRY_CONTROLS),

    # Intel: host state
    (r"host state invalid CR([034])", "the host's CR{0} has a bit that VMX operation fixes to the "
     "other value (IA32_VMX_CR0_FIXED0 and so on), or is not filled in", HOST),
    (r"host segreg (\d) TI/RPL", "the host's {segment} selector has TI or RPL not 0",
     HOST_SEGMENTS),
    (r"host (CS|SS) selector 0", "the host's {0} selector is 0", HOST_SEGMENTS),
    (r"host TR selector", "the host's TR selector is 0, or has TI or RPL not 0", HOST_SEGMENTS),
    (r"host (TR|FS|GS|GDTR|IDTR) BASE non", "the host's {0} base is not canonical", HOST_SEGMENTS),
    (r"host (SYSENTER_E[SI]P)_MSR non", "the host's IA32_{0} is not canonical", HOST),
    (r"host MSR_PAT", "the host's IA32_PAT has a reserved memory type", HOST),
    (r"host EFER reserved", "the host's IA32_EFER has a reserved bit set", HOST),
    (r"host EFER .*inconsistent", "LMA and LME in the host's IA32_EFER differ from the VM-exit "
     "control \"host address-space size\"", HOST),
    (r"host CR4.PAE=0", "\"host address-space size\" is 1 with the host's CR4.PAE 0", HOST_SPACE),
    (r"host RIP non-canonical", "the host's RIP is not canonical", HOST_SPACE),
    (r"host RIP > 32|host CR4.PCIDE|host control invalid|host\(\d\) controls invalid",
     "\"host address-space size\" must be 1 for a 64-bit host, and 0 for another", HOST_SPACE),
    (r"host IA32_S_CET|host SSP|host INTERRUPT_SSP|host CR4.CET",
     "the host's CET state is not valid", HOST),

    # Intel: guest state
    (r"RFLAGS reserved", "the guest's RFLAGS has a reserved bit set", GUEST_RIP),
    (r"RFLAGS\[1\] cleared", "bit 1 of the guest's RFLAGS is 0; it is always 1", GUEST_RIP),
    (r"RFLAGS.VM", "RFLAGS.VM is 1 in a guest in IA-32e mode", GUEST_RIP),
    (r"guest invalid CR([034])", "the guest's CR{0} has a bit that VMX operation fixes to the "
     "other value, or that is reserved", GUEST_CR),
    (r"CR0.PG without CR0.PE", "the guest's CR0.PG is 1 with CR0.PE 0", GUEST_CR),
    (r"guest CR4.PAE=0", "\"IA-32e mode guest\" is 1 with the guest's CR4.PAE 0", GUEST_CR),
    (r"CR4.PCIDE set in", "CR4.PCIDE is 1 in a guest outside IA-32e mode", GUEST_CR),
    (r"guest invalid DR7", "bits 63:32 of the guest's DR7 are not 0", GUEST_CR),
    (r"guest (SYSENTER_E[SI]P)_MSR non", "the guest's IA32_{0} is not canonical", GUEST_CR),
    (r"guest MSR_PAT", "the guest's IA32_PAT has a reserved memory type", GUEST_CR),
    (r"guest EFER reserved", "the guest's IA32_EFER has a reserved bit set", GUEST_CR),
    (r"guest EFER.LMA", "LMA in the guest's IA32_EFER differs from the VM-entry control "
     "\"IA-32e mode guest\"", GUEST_CR),
    (r"guest EFER .*inconsistent", "the guest's CR0.PG is 1, and LMA and LME of IA32_EFER differ",
     GUEST_CR),
    (r"guest (?:CR4.CET|IA32_S_CET|SSP|INTERRUPT_SSP)", "the guest's CET state is not valid",
     GUEST_CR),
    (r"v8086 guest (?:bad )?(\w\w)\.(\w+)", "{0} is not as virtual-8086 mode wants it: base "
     "selector << 4, limit 0xffff, access rights 0xf3", GUEST_SEGMENTS),
    (r"guest (\w+)\.BASE non", "the guest's {0} base is not canonical", GUEST_SEGMENTS),
    (r"guest (\w\w)\.BASE > 32", "bits 63:32 of the guest's {0} base are not 0", GUEST_SEGMENTS),
    (r"guest (\w\w) not segment|guest (\w+) is not system",
     "S in the access rights of {any} is wrong: 1 for code and data, 0 for LDTR and TR",
     GUEST_SEGMENTS),
    (r"guest (\w+) not present", "P in the access rights of {0} is 0; mark a segment that is not "
     "there unusable (bit 16)", GUEST_SEGMENTS),
    (r"guest (\w+)\.AR/LIMIT malformed", "the limit of {0} doesn't fit its granularity bit G, or "
     "its access rights have a reserved bit set", GUEST_SEGMENTS),
    (r"CS.RPL (?:<>|<) CS.DPL|CS.DPL != 0", "the DPL of the guest's CS doesn't fit its type",
     GUEST_SEGMENTS),
    (r"guest (CS|SS)\.TYPE", "the type of the guest's {0} is wrong: CS is accessed code (or data "
     "type 3 in an unrestricted guest), SS accessed writable data", GUEST_SEGMENTS),
    (r"wrong CS.D_B/L", "CS.L and CS.D are both 1", GUEST_SEGMENTS),
    (r"guest (\w\w) not ACCESSED", "the type of the guest's {0} lacks the accessed bit",
     GUEST_SEGMENTS),
    (r"CODE segment (\w\w) not READABLE", "the guest's {0} is a code segment that can't be read",
     GUEST_SEGMENTS),
    (r"non-conforming (\w\w)\.RPL", "the DPL of the guest's {0} is below the RPL of its selector",
     GUEST_SEGMENTS),
    (r"CS.RPL != SS.RPL", "the RPLs of the guest's CS and SS differ", GUEST_SEGMENTS),
    (r"SS.RPL <> SS.DPL|SS.DPL != 0", "the DPL of the guest's SS is not the RPL of its selector, "
     "or not 0 in real mode", GUEST_SEGMENTS),
    (r"guest (LDTR|TR)\.TI set", "TI in the guest's {0} selector is 1", GUEST_SEGMENTS),
    (r"incorrect LDTR type", "the type of the guest's LDTR is not 2; mark an unused LDTR unusable "
     "(bit 16)", GUEST_SEGMENTS),
    (r"guest TR invalid", "the guest's TR is unusable; it never may be", GUEST_SEGMENTS),
    (r"incorrect TR type", "the type of the guest's TR is not a busy TSS: 11, or 3 outside IA-32e "
     "mode", GUEST_SEGMENTS),
    (r"GDTR/IDTR limit", "the limit of the guest's GDTR or IDTR is above 0xffff", GUEST_TABLES),
    (r"guest IDTR/IDTR.BASE", "the base of the guest's GDTR or IDTR is not canonical",
     GUEST_TABLES),
    (r"guest RIP > 32", "bits 63:32 of the guest's RIP are not 0, but its CS.L is", GUEST_RIP),
    (r"link pointer", "the VMCS link pointer is not valid; without VMCS shadowing it is all ones",
     GUEST_OTHER),
    (r"activity state (\d+)", "the guest's activity state {0} is not one that the CPU has, or may "
     "have here", GUEST_OTHER),
    (r"HLT state with SS.DPL", "activity state HLT needs SS.DPL 0", GUEST_OTHER),
    (r"interruptibility state broken", "the guest's interruptibility state has reserved bits set, "
     "or blocks by STI and by MOV SS at once", GUEST_OTHER),
    (r"blocked by STI when", "the interruptibility state says \"blocking by STI\" with RFLAGS.IF "
     "0", GUEST_OTHER),
    (r"interrupts blocked when injecting external", "an external interrupt is injected while the "
     "guest has interrupts off or blocked", GUEST_OTHER),
    (r"interrupts blocked when injecting NMI", "an NMI is injected while the guest blocks NMIs or "
     "is in the shadow of MOV SS", GUEST_OTHER),
    (r"No guest interruptions|Only NMI or #MC", "the injected event doesn't fit the activity state",
     GUEST_OTHER),
    (r"tmpDR6", "the guest's pending debug exceptions have reserved bits set", GUEST_OTHER),
    (r"SMM|SMI", "the guest state is for system-management mode, which this is not", GUEST_OTHER),
    (r"loading guest MSR number (\d+)", "entry {0} of the VM-entry MSR-load area can't be loaded",
     SDM + "26.4"),

    # Intel: the VMX instructions
    (r"VMLAUNCH with non-clear", "VMLAUNCH of a VMCS that was launched before; use VMRESUME, or "
     "VMCLEAR first", SDM + "30.3, VMLAUNCH"),
    (r"VMRESUME with non-launched", "VMRESUME of a VMCS that was never launched; use VMLAUNCH",
     SDM + "30.3, VMRESUME"),
    (r"VMLAUNCH with invalid VMCS ptr",  # Bochs says the same of VMRESUME
     "VMLAUNCH or VMRESUME without a current VMCS; VMPTRLD makes one current", SDM + "30.3"),
    (r"(VM\w+) with invalid VMCS ptr", "{0} without a current VMCS; VMPTRLD makes one current",
     SDM + "30.3"),
    (r"blocked by MOV_SS", "VM entry right after MOV SS", SDM + "26.1"),
    (r"VMCS revision id", "the first 4 bytes of the region are not the VMCS revision identifier "
     "of IA32_VMX_BASIC", SDM + "24.2"),
    (r"page aligned physical|VMCLEAR with invalid phys", "the operand is not the physical address "
     "of a page", SDM + "30.3"),
    (r"with VMXON ptr", "the VMXON region is used as a VMCS", SDM + "30.3"),
    (r"(VMREAD|VMWRITE): not supported field \(upper",
     "{0} of a field whose number has bits above 31 set; in AT&T syntax it is `vmread field, "
     "value` and `vmwrite value, field`", SDM + "30.3"),
    (r"(VMREAD|VMWRITE): not supported field (\S+)", "{0} of field {1}, which this CPU doesn't "
     "have", SDM + "30.3"),

    # AMD
    (r"intercept bit is not set", "the VMRUN intercept is clear", VMRUN),
    (r"IOPM Base", "IOPM_BASE_PA is not a valid physical address", VMRUN),
    (r"MSRPM Base", "MSRPM_BASE_PA is not a valid physical address", VMRUN),
    (r"host ASID", "GUEST_ASID is 0, which is the host's own", VMRUN),
    (r"NCR3 reserved", "nCR3 has reserved bits set", APM + "15.25.3"),
    (r"PAT_MSR", "G_PAT has a reserved memory type", APM + "15.25.8"),
    (r"SVME = 0", "EFER.SVME is 0 in the guest's EFER", VMRUN),
    (r"Guest (\w+)\[63:32\]", "bits 63:32 of the guest's {0} are not 0", VMRUN),
    (r"Guest (\w+) reserved", "the guest's {0} has a bit set that must be zero", VMRUN),
    (r"CS.D_B/L", "CS.L and CS.D are both set in long mode", VMRUN),
    (r"(VMRUN|VMLOAD|VMSAVE): invalid or not page", "{0} with an address that is not that of a "
     "page", APM + "15.5"),
    (r"HSAVE_PA", "VM_HSAVE_PA is written with an address that is not that of a page",
     APM + "15.30.4"),
]

SEGMENT_NAMES = ("ES", "CS", "SS", "DS", "FS", "GS")
PREFIX = re.compile(r"^(?:VMENTER |VM)?FAIL: |^SVM: ")


def explain_failure(message: str) -> str:
    """One sentence for Bochs's message, which follows it in brackets."""
    for pattern, sentence, section in RULES:
        match = re.search(pattern, message)
        if match:
            groups = [group for group in match.groups() if group]
            first = groups[0] if groups else ""
            text = sentence.format(
                *groups, any=first, control=CONTROL_FIELDS.get(first, first),
                segment=SEGMENT_NAMES[int(first)] if first in tuple("012345") else first)
            return f"{text} ({section}) [Bochs: {message}]"
    return f"the CPU refused: {PREFIX.sub('', message).rstrip(' !')} [Bochs: {message}]"

"""Lab 1 on the Intel track: VMX is found, turned on, and a VMCS filled in, field by field.

`until=STEP` ends the machine after a step and shows what there is to see by then
(hv/core/milestone.h). What is right is in the comments above the functions in hv/hvm/vmx.c.
"""

from nestling.scenario import Bits, Scenario, Value, scenario, vm_text

EPERM, ENODEV = 1, 19  # hv/lib/errno.h
FAILED = 126  # the hypervisor's status when it can't run VMs

ON = {"bochs-vmx": ""}

See = dict[str, Value | Bits | str]


def until(step: str, see: See, status: int = 0) -> Scenario:
    """A machine that ends before any VM runs."""
    return Scenario(vm_text("first", "first.64.elf"), exits=[], words=f"until={step}", see=see,
                    status=status)


# ---- 1.1: what the CPU offers -----------------------------------------------------------------

OFFER: See = {"error": 0, "address-space ids": 0xFFFF, "nested paging": 1, "next RIP": 1,
              "1 GiB pages": 1}


def refused(error: Value | Bits, words: str = "") -> Scenario:
    """A CPU that can't be used."""
    return until(f"probe {words}".strip(), {"error": error, "reason given": 1}, FAILED)


@scenario("vmx-probe", on=ON)
def vmx_probe(nonce: int, seed: int) -> Scenario:
    """Firmware has allowed VMX and locked that, as it should."""
    return until("probe", OFFER)


@scenario("vmx-probe-open", on=ON)
def vmx_probe_open(nonce: int, seed: int) -> Scenario:
    """Firmware has not touched IA32_FEATURE_CONTROL: VMX can still be allowed."""
    return until("probe firmware=open", OFFER)


@scenario("vmx-probe-locked", on=ON)
def vmx_probe_locked(nonce: int, seed: int) -> Scenario:
    return refused(EPERM, "firmware=locked")


@scenario("vmx-probe-absent", on={"bochs-vmx": "p4_prescott_celeron_336"})
def vmx_probe_absent(nonce: int, seed: int) -> Scenario:
    """A CPU without VMX, so whatever firmware says has no meaning. Bochs reads its MSRs as 0."""
    return refused(Bits(one={"without VMX": ENODEV}), "firmware=locked")


@scenario("vmx-probe-no-ept", on={"bochs-vmx": "core2_penryn_t9600"})
def vmx_probe_no_ept(nonce: int, seed: int) -> Scenario:
    """An early VMX: no EPT, and no MSR that describes it."""
    return refused(Bits(one={"without EPT": ENODEV}))


@scenario("vmx-probe-no-unrestricted", on={"bochs-vmx": "corei5_lynnfield_750"})
def vmx_probe_no_unrestricted(nonce: int, seed: int) -> Scenario:
    """EPT, but no guests without paging."""
    return refused(Bits(one={"without unrestricted guest": ENODEV}))


# ---- 1.2: turned on ---------------------------------------------------------------------------

LOCK, VMXON = 1 << 0, 1 << 2
TURNED_ON: See = {
    "IA32_FEATURE_CONTROL": Bits(one={"LOCK": LOCK, "VMXON": VMXON}),
    "CR0": Bits(one={"PE": 1 << 0, "NE": 1 << 5, "WP": 1 << 16, "PG": 1 << 31}),
    "CR4": Bits(one={"PAE": 1 << 5, "OSFXSR": 1 << 9, "VMXE": 1 << 13}),
    "second VMXON": EPERM, "pages lost": 0, "VMXON when forbidden": EPERM}


@scenario("vmx-on", on={"bochs-vmx": "corei7_skylake_x"})
def vmx_on(nonce: int, seed: int) -> Scenario:
    return until("on", TURNED_ON | {"VMXON region": 0x2B})


@scenario("vmx-on-other", on={"bochs-vmx": "corei7_icelake_u"})
def vmx_on_other(nonce: int, seed: int) -> Scenario:
    """A CPU whose VMCSs have another layout, and so another revision."""
    return until("on", TURNED_ON | {"VMXON region": 0x04})


@scenario("vmx-on-open", on=ON)
def vmx_on_open(nonce: int, seed: int) -> Scenario:
    """Nobody has allowed VMX yet, so the hypervisor does."""
    return until("on firmware=open", TURNED_ON)


# ---- 1.3: sets of controls --------------------------------------------------------------------

def controls(must: int, want: int) -> Bits:
    """A set of controls: those that have to be 1, those that we want, and none besides."""
    return Bits(one={"must be 1": must, "wanted": want},
                zero={"others": 0xFFFFFFFF & ~(must | want)})


@scenario("vmx-controls", on=ON)
def vmx_controls(nonce: int, seed: int) -> Scenario:
    """The capability MSRs of the CPUs here are alike. Their true ones let CR3 accesses not exit."""
    return until("controls", {
        "PIN_BASED_VM_EXEC_CONTROL": controls(0x16, 0x69),
        "PROC_BASED_VM_EXEC_CONTROL": controls(0x04006172, 0xB2180C88),
        "SECONDARY_VM_EXEC_CONTROL": controls(0, 0xEA),
        "VM_EXIT_CONTROLS": controls(0x36DFB, 0x3C0204),
        "VM_ENTRY_CONTROLS": controls(0x11FB, 0xC004)})


def limits(primary: int, secondary: int) -> Scenario:
    """Sets in which we want nothing, everything, and what can't be. CPUs differ in two of them."""
    return until("controls", {
        "fewest pin": 0x16, "fewest primary": 0x04006172, "fewest secondary": 0,
        "fewest exit": 0x36DFB, "fewest entry": 0x11FB,
        "most pin": 0x7F, "most primary": primary, "most secondary": secondary,
        "most exit": 0x7FFFFF, "most entry": 0xFFFF, "error without need": 0,
        "impossible control": ENODEV})


@scenario("vmx-limits", on={"bochs-vmx": "corei7_haswell_4770"})
def limits_of_haswell(nonce: int, seed: int) -> Scenario:
    return limits(0xF7F9FFFE, 0x47FFF)


@scenario("vmx-limits-other", on={"bochs-vmx": "corei7_icelake_u"})
def limits_of_icelake(nonce: int, seed: int) -> Scenario:
    return limits(0xFFF9FFFE, 0x2977FFF)


# ---- 1.4: the guest's state -------------------------------------------------------------------

CR0_PE, CR0_ET, CR0_NE, CR0_PG = 1 << 0, 1 << 4, 1 << 5, 1 << 31
CR4_PAE, CR4_VMXE = 1 << 5, 1 << 13
EFER_LME, EFER_LMA = 1 << 8, 1 << 10
IA32E_MODE_GUEST = 1 << 9
PAT_RESET = 0x0007040600070406

# Access rights (SDM vol. 3, 24.4.1).
CODE, DATA, LDT, BUSY_TSS = 0x9B, 0x93, 0x82, 0x8B
SEG_L, SEG_DB, SEG_G = 1 << 13, 1 << 14, 1 << 15
FLAT = SEG_DB | SEG_G

MIB, PAGE = 1 << 20, 0x1000
HLT = b"\xf4"
TABLES, STACK_GAP, REAL_STACK = 6 * PAGE, 8 * PAGE, 0x7C00  # hv/vmm/start.c


def segment(name: str, selector: int, rights: int, limit: int, base: int = 0) -> See:
    return {f"GUEST_{name}_SELECTOR": selector, f"GUEST_{name}_ACCESS_RIGHTS": rights,
            f"GUEST_{name}_LIMIT": limit, f"GUEST_{name}_BASE": base}


def segments(selector: int, rights: int, limit: int) -> See:
    """All but CS, and the two tables."""
    see: See = {}
    for name in ("ES", "SS", "DS", "FS", "GS"):
        see |= segment(name, selector, rights, limit)
    for name in ("GDTR", "IDTR"):
        see |= {f"GUEST_{name}_LIMIT": 0xFFFF, f"GUEST_{name}_BASE": 0}
    return see | segment("LDTR", 0, LDT, 0xFFFF) | segment("TR", 0, BUSY_TSS, 0xFFFF)


def mode(cr0: int, cr4: int = 0, cr3: int = 0, efer: int = 0) -> See:
    """The guest's view of its mode, and with the bits that VMX adds."""
    lma = {"IA-32e mode guest": IA32E_MODE_GUEST}
    return {"GUEST_CR0": cr0 | CR0_NE, "CR0_READ_SHADOW": cr0,
            "GUEST_CR4": cr4 | CR4_VMXE, "CR4_READ_SHADOW": cr4,
            "GUEST_CR3": cr3, "GUEST_IA32_EFER": efer,
            "VM_ENTRY_CONTROLS": Bits(one=lma) if efer & EFER_LMA else Bits(zero=lma)}


def start(how: str, entry: int, see: See, memory: int = 2 * MIB) -> Scenario:
    """A VM that is to start at `entry`, as it is before its first instruction."""
    text = f"""\
vm "first" {{
    memory {memory // 1024}K
    mode {how}
    kernel "halt.bin"
    load {entry:#x}
}}
"""
    return Scenario(text, exits=[], words="until=guest", files={"halt.bin": HLT}, see={
        "GUEST_RIP": entry, "GUEST_RSP": REAL_STACK if how == "real" else memory - STACK_GAP,
        "GUEST_RFLAGS": 1 << 1, "GUEST_DR7": 0x400, "GUEST_IA32_PAT": PAT_RESET,
        "VMCS_LINK_POINTER": (1 << 64) - 1, **see})


def real(entry: int) -> Scenario:
    base = entry & 0xF0000
    return start("real", entry, {
        **mode(CR0_ET), **segments(0, DATA, 0xFFFF),
        **segment("CS", base >> 4, CODE, 0xFFFF, base), "GUEST_RIP": entry - base})


def somewhere(nonce: int, seed: int) -> tuple[int, int]:
    """A size of memory, and an address in it that real mode does not know."""
    return (2 + nonce % 6) * MIB, MIB + seed % 0xE0000


@scenario("vmx-guest-real")
def guest_real(nonce: int, seed: int) -> Scenario:
    return real(0x1000 + seed % 0x6000)


@scenario("vmx-guest-high")
def guest_high(nonce: int, seed: int) -> Scenario:
    return real(0x10000 + nonce % 9 * 0x10000 + 0x1000 + seed % 0xE000)


@scenario("vmx-guest-protected")
def guest_protected(nonce: int, seed: int) -> Scenario:
    memory, entry = somewhere(nonce, seed)
    return start("protected", entry, {
        **mode(CR0_ET | CR0_PE), **segments(16, DATA | FLAT, 0xFFFFFFFF),
        **segment("CS", 8, CODE | FLAT, 0xFFFFFFFF)}, memory)


@scenario("vmx-guest-long")
def guest_long(nonce: int, seed: int) -> Scenario:
    memory, entry = somewhere(nonce, seed)
    return start("long", entry, {
        **mode(CR0_ET | CR0_PE | CR0_PG, CR4_PAE, memory - TABLES, EFER_LME | EFER_LMA),
        **segments(16, DATA | FLAT, 0xFFFFFFFF),
        **segment("CS", 8, CODE | SEG_L | SEG_G, 0xFFFFFFFF)}, memory)


# ---- 1.5: the way back ------------------------------------------------------------------------

SEL_CODE, SEL_DATA, SEL_TSS = 0x08, 0x10, 0x18  # hv/x86/desc.h


@scenario("vmx-host")
def host(nonce: int, seed: int) -> Scenario:
    """The hypervisor gives registers that are mostly 0 values of their own first."""
    selectors: See = {f"HOST_{name}_SELECTOR": SEL_DATA for name in ("ES", "SS", "DS", "FS", "GS")}
    return Scenario(
        vm_text("first", "first.64.elf"), exits=[], words="until=host",
        see={**selectors, "HOST_CS_SELECTOR": SEL_CODE, "HOST_TR_SELECTOR": SEL_TSS,
             "HOST_CR0": "CR0", "HOST_CR3": "CR3", "HOST_CR4": "CR4", "HOST_IA32_EFER": "EFER",
             "HOST_IA32_PAT": "PAT", "HOST_GS_BASE": "GS.base", "HOST_TR_BASE": "TR.base",
             "HOST_GDTR_BASE": "GDTR.base", "HOST_IDTR_BASE": "IDTR.base",
             "HOST_IA32_SYSENTER_CS": 0x1110, "HOST_IA32_SYSENTER_ESP": 0x2220,
             "HOST_IA32_SYSENTER_EIP": 0x3330, "HOST_FS_BASE": 0x4440})


# ---- 1.6: to and fro --------------------------------------------------------------------------

# The registers that a C function has to keep, but for RBP and RSP: without those nothing goes on.
KEPT = {"RBX": 1 << 3} | {f"R{number}": 1 << number for number in range(12, 16)}
FAIL_INVALID, FAIL_VALID = 1, 2
ROUND_TRIP: See = {"first trip": 0, "second trip": 0, "host registers lost": Bits(zero=KEPT),
                   "interrupts left on": 0}
FAILURES: See = {"launched again": FAIL_VALID, "no current VMCS": FAIL_INVALID}


@scenario("vmx-enter-registers")
def enter_registers(nonce: int, seed: int) -> Scenario:
    """guest/switch.64.S fills each register with RDI, its number, and what was in it."""
    rdi, rsi = nonce << 32 | seed, seed << 20 | nonce
    see: See = {f"gpr{number}": rdi + number & (1 << 64) - 1
                for number in range(16) if number not in (4, 6, 7)}
    return Scenario(
        vm_text("first", "switch.64.elf", args=(rdi, rsi)), words="until=enter",
        exits=[("hlt", "switch.64.elf:done")] * 2, failures=True,
        see=ROUND_TRIP | FAILURES | see | {"gpr4": 0, "gpr6": rdi + 6 + rsi & (1 << 64) - 1,
                                           "gpr7": rdi})


@scenario("vmx-enter-ticks", on=ON)
def enter_ticks(nonce: int, seed: int) -> Scenario:
    """guest/keep.64.S goes on after the first trip, and halts if it misses a register."""
    rdi = nonce << 32 | seed
    see: See = {f"gpr{number}": rdi + number & (1 << 64) - 1
                for number in range(16) if number not in (4, 7)}
    return Scenario(
        vm_text("first", "keep.64.elf", args=(rdi, 0)), words="until=enter", failures=True,
        exits={"host_irq": range(3), "preempt": range(3)},
        see=ROUND_TRIP | FAILURES | see | {"gpr7": rdi})


# ---- 1.7: why it came back --------------------------------------------------------------------

EXC_DB, EXC_UD, EXC_GP = 1, 6, 13
# Each takes its operand from RSI, the VM's second argument.
MOV_RCX_RSI, MOV_RAX_RSI = b"\x48\x89\xf1", b"\x48\x89\xf0"
NOP = b"\x90"


def bare(setup: bytes, instruction: bytes, reason: str, code: int, operand: int, nonce: int,
         state: dict[str, Value], rip: int | None = None) -> Scenario:
    """A VM at some address, which ends with its first exit: that of `instruction`."""
    load = 0x10000 + nonce % 0x1000 * 16
    rip = load + len(setup) if rip is None else rip
    text = f"""\
vm "first" {{
    memory 2M
    kernel "code.bin"
    load {load:#x}
    args 0x5eed {operand:#x}
    budget 5000000
    bare
}}
"""
    return Scenario(text, exits=[(reason, rip)], files={"code.bin": setup + instruction + HLT},
                    stops={"first": reason},
                    state={"first": {"exit.code": code, "exit.rip": rip, "exit.next": 0, **state}})


@scenario("vmx-decode-cpuid")
def decode_cpuid(nonce: int, seed: int) -> Scenario:
    leaf = 0x40000000 | seed & 0xFFFF
    return bare(MOV_RAX_RSI, b"\x0f\xa2", "cpuid", 10, seed << 32 | leaf, nonce,
                {"exit.value": leaf})


@scenario("vmx-decode-hypercall")
def decode_hypercall(nonce: int, seed: int) -> Scenario:
    number = seed << 32 | nonce
    return bare(MOV_RAX_RSI, b"\x0f\x01\xc1", "hypercall", 18, number, nonce,
                {"exit.value": number})


def msr(seed: int) -> int:
    """The number of an MSR that no bitmap knows, with something in the upper half of RCX."""
    return seed << 32 | 0x40000000 | seed & 0x1FFF


@scenario("vmx-decode-rdmsr")
def decode_rdmsr(nonce: int, seed: int) -> Scenario:
    return bare(MOV_RCX_RSI, b"\x0f\x32", "rdmsr", 31, msr(seed), nonce,
                {"exit.value": msr(seed) & 0xFFFFFFFF, "exit.msr": msr(seed) & 0xFFFFFFFF})


@scenario("vmx-decode-wrmsr")
def decode_wrmsr(nonce: int, seed: int) -> Scenario:
    return bare(MOV_RCX_RSI, b"\x0f\x30", "wrmsr", 32, msr(seed), nonce,
                {"exit.value": msr(seed) & 0xFFFFFFFF, "exit.msr": msr(seed) & 0xFFFFFFFF})


def fault(instruction: bytes, nonce: int, seed: int, write: int, fetch: int) -> Scenario:
    """An access to where there is no memory."""
    gpa = 0x40000000 | seed & 0x3FFFFFFF
    return bare(b"", instruction, "memory", 48, gpa, nonce,
                {"exit.value": gpa, "exit.gpa": gpa, "exit.write": write, "exit.fetch": fetch,
                 "exit.present": 0}, rip=gpa if fetch else None)


@scenario("vmx-decode-read")
def decode_read(nonce: int, seed: int) -> Scenario:
    return fault(b"\x8a\x06", nonce, seed, write=0, fetch=0)


@scenario("vmx-decode-write")
def decode_write(nonce: int, seed: int) -> Scenario:
    return fault(b"\x88\x06", nonce, seed, write=1, fetch=0)


@scenario("vmx-decode-fetch")
def decode_fetch(nonce: int, seed: int) -> Scenario:
    return fault(b"\xff\xe6", nonce, seed, write=0, fetch=1)


@scenario("vmx-decode-cr8")
def decode_cr8(nonce: int, seed: int) -> Scenario:
    return bare(b"", b"\x44\x0f\x22\xc6", "cr", 28, 3, nonce, {"exit.value": 8})


@scenario("vmx-decode-rdpmc")
def decode_rdpmc(nonce: int, seed: int) -> Scenario:
    return bare(MOV_RCX_RSI, b"\x0f\x33", "insn", 15, 0, nonce, {"exit.value": EXC_GP})


@scenario("vmx-decode-vmxoff")
def decode_vmxoff(nonce: int, seed: int) -> Scenario:
    return bare(b"", b"\x0f\x01\xc4", "insn", 26, 0, nonce, {"exit.value": EXC_UD})


@scenario("vmx-decode-wbinvd")
def decode_wbinvd(nonce: int, seed: int) -> Scenario:
    return bare(b"", b"\x0f\x09", "wbinvd", 54, 0, nonce, {"exit.value": 0})


@scenario("vmx-decode-step")
def decode_step(nonce: int, seed: int) -> Scenario:
    """A guest that sets RFLAGS.TF. The instruction after POPF is its last: then comes #DB."""
    pushf, set_tf, popf = b"\x9c", b"\x81\x0c\x24\x00\x01\x00\x00", b"\x9d"
    return bare(pushf + set_tf + popf + NOP, b"", "exception", 0, 0, nonce,
                {"exit.value": EXC_DB, "exit.vector": EXC_DB, "exit.error": 0})


@scenario("vmx-decode-triple-fault")
def decode_triple_fault(nonce: int, seed: int) -> Scenario:
    """UD2, and an IDT that is empty."""
    return bare(MOV_RAX_RSI, b"\x0f\x0b", "shutdown", 2, 0, nonce, {"exit.value": 0})


@scenario("vmx-decode-stale")
def decode_stale(nonce: int, seed: int) -> Scenario:
    """An exit with a value, then ticks: they have none."""
    gpa = 0x40000000 | nonce & 0x3FFFF000
    text = f"""\
vm "first" {{
    memory 2M
    kernel "code.bin"
    load 0x8000
    args 0 {gpa:#x}
    late {gpa:#x} 4K
    budget 5000000
}}
"""
    touch, spin = b"\x88\x06", b"\xeb\xfe"
    return Scenario(text, exits={"memory": 1}, files={"code.bin": touch + spin},
                    stops={"first": "budget"}, status=125, state={"first": {"exit.value": 0}})

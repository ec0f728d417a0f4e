"""Lab 1 on the AMD track: from the probe to the first exit, step by step.

Until the world switch works nothing runs in a guest: the hypervisor stops after a step and shows
what it has by then (`until=`, hv/core/milestone.h). What is right is in the comments above the
functions in hv/hvm/svm.c and svm_enter.S. The exits at the end are those of bare VMs.
"""

from nestling.scenario import Bits, Scenario, Value, scenario, vm_text

FAILED = 126  # the hypervisor's exit status when it can't go on
EPERM, ENODEV = 1, 19
PAGE = 0x1000

# ---- 1.1: what the CPU offers -----------------------------------------------------------------


def probe(see: dict[str, Value | Bits], words: str = "", status: int = 0) -> Scenario:
    """A machine that stops after the probe."""
    return Scenario(vm_text("first", "first.64.elf"), exits=[],
                    words=f"until=probe {words}".strip(), see=see, status=status)


def offer(asids: int, nested_paging: int, next_rip: int, page_1g: int) -> Scenario:
    """A CPU that has this."""
    return probe({"error": 0, "address-space ids": asids, "nested paging": nested_paging,
                  "next RIP": next_rip, "1 GiB pages": page_1g})


def refusal(error: int, words: str = "") -> Scenario:
    """A CPU that can't be used."""
    return probe({"error": error, "reason given": 1}, words, FAILED)


@scenario("svm-probe-rich", on={"bochs-svm": "ryzen"})
def probe_rich(nonce: int, seed: int) -> Scenario:
    return offer(0x8000, 1, 1, 1)


@scenario("svm-probe-max", on={"tcg": "max"})
def probe_max(nonce: int, seed: int) -> Scenario:
    return offer(16, 1, 0, 1)


@scenario("svm-probe-small-pages", on={"tcg": "qemu64,+svm,+npt"})
def probe_small_pages(nonce: int, seed: int) -> Scenario:
    return offer(16, 1, 0, 0)


@scenario("svm-probe-poor", on={"tcg": "qemu64,+svm"})
def probe_poor(nonce: int, seed: int) -> Scenario:
    return offer(16, 0, 0, 0)


@scenario("svm-probe-none", on={"tcg": "qemu64,-svm"})
def probe_none(nonce: int, seed: int) -> Scenario:
    return refusal(ENODEV)


@scenario("svm-probe-locked")
def probe_locked(nonce: int, seed: int) -> Scenario:
    return refusal(EPERM, "firmware=locked")


# ---- 1.2: turned on ---------------------------------------------------------------------------

EFER = {"SCE": 1 << 0, "LME": 1 << 8, "LMA": 1 << 10, "NXE": 1 << 11}  # boot/head.S sets them
EFER_SVME = 1 << 12


@scenario("svm-on")
def turned_on(nonce: int, seed: int) -> Scenario:
    return Scenario(
        vm_text("first", "first.64.elf"), exits=[], words="until=on",
        see={"EFER": Bits(one=EFER | {"SVME": EFER_SVME}),
             "VM_HSAVE_PA": Bits(zero={"offset in the page": PAGE - 1}),
             "VM_HSAVE_PA is our page": 1, "host VMCB is a page of its own": 1,
             "host VMCB's address is known": 1})


# ---- 1.3: the controls ------------------------------------------------------------------------

MISC1 = {"INTR": 0, "NMI": 1, "INIT": 3, "RDPMC": 15, "CPUID": 18, "INVD": 22, "HLT": 24,
         "INVLPGA": 26, "IOIO_PROT": 27, "MSR_PROT": 28, "TASK_SWITCH": 29, "FERR_FREEZE": 30,
         "SHUTDOWN": 31}
MISC2 = {"VMRUN": 0, "VMMCALL": 1, "VMLOAD": 2, "VMSAVE": 3, "STGI": 4, "CLGI": 5, "SKINIT": 6,
         "WBINVD": 9, "MONITOR": 10, "MWAIT": 11, "MWAIT_ARMED": 12, "XSETBV": 13}
EXCEPTIONS = {"#DB": 1, "#AC": 17}
V_INTR_MASKING = 1 << 24
FLUSH_ALL = 1


def exactly(bits: dict[str, int]) -> Bits:
    """These bits of 32, and no others."""
    one = {name: 1 << bit for name, bit in bits.items()}
    return Bits(one=one, zero={"others": 0xFFFFFFFF & ~sum(one.values())})


@scenario("svm-controls")
def controls(nonce: int, seed: int) -> Scenario:
    return Scenario(
        vm_text("first", "first.64.elf"), exits=[], words="until=controls",
        see={"intercept_misc1": exactly(MISC1), "intercept_misc2": exactly(MISC2),
             "intercept_cr": exactly({"CR8_WRITE": 16 + 8}),
             "intercept_exceptions": exactly(EXCEPTIONS), "intercept_dr": 0, "intercept_misc3": 0,
             "iopm_base_pa is the VM's": 1, "msrpm_base_pa is the VM's": 1,
             "guest_asid": (1, 2),  # of the VM with the id 1; 2 for those who wrap from 1 on
             "tlb_control": FLUSH_ALL, "int_ctl": V_INTR_MASKING, "np_enable": 1,
             "n_cr3 is the VM's": 1, "eventinj": 0, "interrupt_shadow": 0, "tsc_offset": 0,
             "lbr_control": 0, "clean": 0})


@scenario("svm-controls-many")
def controls_many(nonce: int, seed: int) -> Scenario:
    """QEMU's CPU has 16 ASIDs; the VM with the id 16 shares one, and it is not the host's."""
    return Scenario(
        "".join(vm_text(f"vm{number}", "first.64.elf", memory="128K") for number in range(1, 17)),
        exits=[], words="until=controls:16", see={"guest_asid": tuple(range(1, 18))})


# ---- 1.4: the guest's state -------------------------------------------------------------------

MIB = 1 << 20
HLT = b"\xf4"
TABLES, STACK_GAP, REAL_STACK = 6 * PAGE, 8 * PAGE, 0x7C00  # hv/vmm/start.c

CR0_PE, CR0_ET, CR0_PG = 1 << 0, 1 << 4, 1 << 31
CR4_PAE = 1 << 5
EFER_LME, EFER_LMA = 1 << 8, 1 << 10
CODE, DATA, LDT, BUSY_TSS = 0x9B, 0x93, 0x82, 0x8B
SEG_L, SEG_DB, SEG_G = 1 << 9, 1 << 10, 1 << 11  # packed, as in the VMCB
FLAT = SEG_DB | SEG_G
REGISTERS = {"dr6": 0xFFFF0FF0, "dr7": 0x400, "g_pat": 0x0007040600070406, "rflags": 1 << 1}


def segment(name: str, selector: int, attr: int, limit: int, base: int = 0) -> dict[str, Value]:
    return {f"{name}.selector": selector, f"{name}.attr": attr, f"{name}.limit": limit,
            f"{name}.base": base}


def segments(selector: int, attr: int, limit: int) -> dict[str, Value]:
    """All but CS, and the two tables."""
    see: dict[str, Value] = {}
    for name in ("es", "ss", "ds", "fs", "gs"):
        see |= segment(name, selector, attr, limit)
    for name in ("gdtr", "idtr"):
        see |= {f"{name}.limit": 0xFFFF, f"{name}.base": 0}
    return see | segment("ldtr", 0, LDT, 0xFFFF) | segment("tr", 0, BUSY_TSS, 0xFFFF)


def control(cr0: int, cr4: int = 0, cr3: int = 0, efer: int = 0) -> dict[str, Value]:
    return {"cr0": cr0, "cr4": cr4, "cr3": cr3, "efer": efer | EFER_SVME, "cr2": 0}


def start(mode: str, entry: int, see: dict[str, Value], memory: int = 2 * MIB) -> Scenario:
    """A VM that is to start at `entry`, as it is before its first instruction."""
    text = f"""\
vm "first" {{
    memory {memory // 1024}K
    mode {mode}
    kernel "halt.bin"
    load {entry:#x}
}}
"""
    stack = REAL_STACK if mode == "real" else memory - STACK_GAP
    return Scenario(text, exits=[], words="until=guest", files={"halt.bin": HLT},
                    see={"rip": entry, "rsp": stack, **REGISTERS, **see})


def real(entry: int) -> Scenario:
    base = entry & 0xF0000
    return start("real", entry, {
        **control(CR0_ET), **segments(0, DATA, 0xFFFF),
        **segment("cs", base >> 4, CODE, 0xFFFF, base), "rip": entry - base})


def somewhere(nonce: int, seed: int) -> tuple[int, int]:
    """A size of memory, and an address in it that real mode does not know."""
    memory = (2 + nonce % 6) * MIB
    return memory, MIB + seed % 0xE0000


@scenario("svm-guest-real")
def guest_real(nonce: int, seed: int) -> Scenario:
    return real(0x1000 + seed % 0x6000)


@scenario("svm-guest-high")
def guest_high(nonce: int, seed: int) -> Scenario:
    return real(0x10000 + nonce % 9 * 0x10000 + 0x1000 + seed % 0xE000)


@scenario("svm-guest-protected")
def guest_protected(nonce: int, seed: int) -> Scenario:
    memory, entry = somewhere(nonce, seed)
    return start("protected", entry, {
        **control(CR0_ET | CR0_PE), **segments(16, DATA | FLAT, 0xFFFFFFFF),
        **segment("cs", 8, CODE | FLAT, 0xFFFFFFFF)}, memory)


@scenario("svm-guest-long")
def guest_long(nonce: int, seed: int) -> Scenario:
    memory, entry = somewhere(nonce, seed)
    return start("long", entry, {
        **control(CR0_ET | CR0_PE | CR0_PG, CR4_PAE, memory - TABLES, EFER_LME | EFER_LMA),
        **segments(16, DATA | FLAT, 0xFFFFFFFF),
        **segment("cs", 8, CODE | SEG_L | SEG_G, 0xFFFFFFFF)}, memory)


# ---- 1.6: to and fro --------------------------------------------------------------------------

EXIT_HLT, EXIT_INTR, EXIT_NMI = 0x78, 0x60, 0x61
NAMES = ("RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI")
# The registers that a C function has to keep, but for RBP and RSP: without those nothing goes on.
KEPT = {"RBX": 1 << 3} | {f"R{number}": 1 << number for number in range(12, 16)}
ROUND_TRIP: dict[str, Value | Bits] = {"first trip": 0, "second trip": 0,
                                       "host registers lost": Bits(zero=KEPT),
                                       "interrupts left on": 0}


@scenario("svm-enter-registers")
def enter_registers(nonce: int, seed: int) -> Scenario:
    """guest/switch.64.S fills each register with RDI, its number, and what was in it."""
    rdi, rsi = nonce << 32 | seed, seed << 20 | nonce
    see: dict[str, Value | Bits] = {f"gpr{number}": rdi + number & (1 << 64) - 1
                                    for number in range(16) if number not in (4, 6, 7)}
    return Scenario(
        vm_text("first", "switch.64.elf", args=(rdi, rsi)), words="until=enter",
        exits=[("hlt", "switch.64.elf:done")] * 2, instructions=20_000_000,
        see=ROUND_TRIP | see | {"gpr6": rdi + 6 + rsi & (1 << 64) - 1, "gpr7": rdi,
                                "rax": rdi, "exitcode": EXIT_HLT})


@scenario("svm-enter-segments")
def enter_segments(nonce: int, seed: int) -> Scenario:
    """guest/segments.64.S changes what only VMLOAD and VMSAVE switch."""
    return Scenario(
        vm_text("first", "segments.64.elf", args=(nonce, seed)), words="until=enter",
        exits=[("hlt", "segments.64.elf:done")] * 2, instructions=20_000_000,
        see={**ROUND_TRIP, **segment("fs", 0x18, DATA | FLAT, 0xFFFFFFFF, nonce),
             **segment("gs", 0x20, DATA | FLAT, 0xFFFFFFFF), "kernel_gs_base": seed,
             "gpr6": nonce, "gpr7": seed,
             **segment("tr", 0, BUSY_TSS, 0xFFFF), **segment("ldtr", 0, LDT, 0xFFFF)})


@scenario("svm-enter-ticks", on={"tcg": "", "bochs-svm": ""})
def enter_ticks(nonce: int, seed: int) -> Scenario:
    """guest/gaps.64.S never exits by itself: the host's timer must end both trips."""
    return Scenario(
        vm_text("first", "gaps.64.elf"), words="until=enter", instructions=20_000_000,
        exits={"host_irq": range(3), "host_nmi": range(3)},
        see={**ROUND_TRIP, "exitcode": (EXIT_INTR, EXIT_NMI), "gpr3": 1})


# ---- 1.7: why it came back --------------------------------------------------------------------

EXC_UD, EXC_GP = 6, 13
# Each takes its operand from RSI, the VM's second argument.
MOV_EAX_ESI, MOV_ECX_ESI, MOV_RAX_RSI = b"\x89\xf0", b"\x89\xf1", b"\x48\x89\xf0"
NOP = b"\x90"


def bare(setup: bytes, instruction: bytes, reason: str, operand: int, nonce: int,
         state: dict[str, Value], rip: int | None = None) -> Scenario:
    """A VM at some address, which ends with its first exit: that of `instruction`."""
    load = 0x10000 + nonce % 0x1000 * 16
    rip = load + len(setup) if rip is None else rip
    code = NOP.join([setup + instruction, HLT])
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
    return Scenario(text, exits=[(reason, rip)], files={"code.bin": code},
                    stops={"first": reason},
                    state={"first": {"exit.rip": rip, "exit.next": 0, **state}})


@scenario("svm-decode-cpuid")
def decode_cpuid(nonce: int, seed: int) -> Scenario:
    leaf = 0x40000000 | seed & 0xFFFF
    return bare(MOV_RAX_RSI, b"\x0f\xa2", "cpuid", seed << 32 | leaf, nonce,
                {"exit.value": leaf, "exit.code": 0x72})


@scenario("svm-decode-hypercall")
def decode_hypercall(nonce: int, seed: int) -> Scenario:
    number = seed << 32 | nonce
    return bare(MOV_RAX_RSI, b"\x0f\x01\xd9", "hypercall", number, nonce,
                {"exit.value": number, "exit.code": 0x81})


@scenario("svm-decode-rdmsr")
def decode_rdmsr(nonce: int, seed: int) -> Scenario:
    msr = 0xC0010000 | seed & 0x1FFF
    return bare(MOV_ECX_ESI, b"\x0f\x32", "rdmsr", msr, nonce,
                {"exit.value": msr, "exit.code": 0x7C})


@scenario("svm-decode-wrmsr")
def decode_wrmsr(nonce: int, seed: int) -> Scenario:
    msr = 0xC0010000 | seed & 0x1FFF
    return bare(MOV_ECX_ESI, b"\x0f\x30", "wrmsr", msr, nonce,
                {"exit.value": msr, "exit.code": 0x7C})


def fault(instruction: bytes, seed: int, nonce: int, write: int, fetch: int) -> Scenario:
    """An access to where there is no memory."""
    gpa = 0x40000000 | seed & 0x3FFFFFFF
    return bare(b"", instruction, "memory", gpa, nonce,
                {"exit.value": gpa, "exit.gpa": gpa, "exit.write": write, "exit.fetch": fetch,
                 "exit.present": 0, "exit.code": 0x400}, rip=gpa if fetch else None)


@scenario("svm-decode-read")
def decode_read(nonce: int, seed: int) -> Scenario:
    return fault(b"\x8a\x06", seed, nonce, write=0, fetch=0)


@scenario("svm-decode-write")
def decode_write(nonce: int, seed: int) -> Scenario:
    return fault(b"\x88\x06", seed, nonce, write=1, fetch=0)


@scenario("svm-decode-fetch")
def decode_fetch(nonce: int, seed: int) -> Scenario:
    return fault(b"\xff\xe6", seed, nonce, write=0, fetch=1)


@scenario("svm-decode-cr8")
def decode_cr8(nonce: int, seed: int) -> Scenario:
    return bare(b"", b"\x44\x0f\x22\xc6", "cr", 3, nonce, {"exit.value": 8, "exit.code": 0x18})


@scenario("svm-decode-rdpmc")
def decode_rdpmc(nonce: int, seed: int) -> Scenario:
    return bare(MOV_ECX_ESI, b"\x0f\x33", "insn", 0, nonce,
                {"exit.value": EXC_GP, "exit.code": 0x6F})


@scenario("svm-decode-vmload", on={"bochs-svm": ""})  # QEMU's TCG gives #UD at once
def decode_vmload(nonce: int, seed: int) -> Scenario:
    return bare(MOV_EAX_ESI, b"\x0f\x01\xda", "insn", 0, nonce,
                {"exit.value": EXC_UD, "exit.code": 0x82})


@scenario("svm-decode-wbinvd")
def decode_wbinvd(nonce: int, seed: int) -> Scenario:
    return bare(b"", b"\x0f\x09", "wbinvd", 0, nonce, {"exit.value": 0, "exit.code": 0x89})


@scenario("svm-decode-stale")
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
                    stops={"first": "budget"}, status=125,
                    state={"first": {"exit.value": 0}})

"""Lab 2 on the AMD track: what exits leave in the VMCB, and what goes back into it."""

from __future__ import annotations

from dataclasses import replace

from nestling.scenario import Bits, Scenario, Value, scenario, vm_text

MASK64 = (1 << 64) - 1

# guest/amd_insns.64.S: each instruction in a slot of its own, in this order.
SLOTS = 0x8100
INSNS = ("hlt", "cpuid", "rdmsr", "wrmsr", "vmmcall", "wbinvd_shadowed", "wbinvd_prefixed",
         "mov_to_cr8", "in_byte", "in_word", "in_long", "in_immediate", "out_byte", "out_word",
         "out_long", "out_immediate", "in_string", "out_string", "rep_in_string",
         "rep_out_string")


def place(insn: str) -> int:
    """The address of an instruction's slot."""
    return SLOTS + 16 * INSNS.index(insn)


# ---- 2.1: svm_advance ----------------------------------------------------------------------------

def past(insn: str, length: int, reason: str, offset: int = 0) -> Scenario:
    """One exit, at `offset` in the slot of `insn`, and then past its instruction."""
    return Scenario(
        vm_text("past", "amd_insns.64.elf", args=(INSNS.index(insn), 0)),
        words="until=past",
        see={"rip": place(insn) + offset + length,
             "interrupt_shadow": Bits(zero={"INTERRUPT_SHADOW": 1})},
        exits=[(reason, place(insn) + offset)])


@scenario("past-cpuid")
def past_cpuid(nonce: int, seed: int) -> Scenario:
    return past("cpuid", 2, "cpuid")


@scenario("past-hlt")
def past_hlt(nonce: int, seed: int) -> Scenario:
    return past("hlt", 1, "hlt")


@scenario("past-vmmcall")
def past_vmmcall(nonce: int, seed: int) -> Scenario:
    return past("vmmcall", 3, "hypercall")


@scenario("past-rdmsr")
def past_rdmsr(nonce: int, seed: int) -> Scenario:
    return past("rdmsr", 2, "rdmsr")


@scenario("past-shadow")
def past_shadow(nonce: int, seed: int) -> Scenario:
    """WBINVD right behind STI: done, so interrupts are no longer held back."""
    return past("wbinvd_shadowed", 2, "wbinvd", offset=1)


@scenario("past-prefix", on={"bochs-svm": ""})
def past_prefix(nonce: int, seed: int) -> Scenario:
    """Prefixes make an instruction longer; a CPU that saves the next RIP knows by how much."""
    return past("wbinvd_prefixed", 4, "wbinvd")


@scenario("steps")
def steps(nonce: int, seed: int) -> Scenario:
    """A guest with four exits on its way, one of them with its own x->next_rip."""
    x = nonce
    for _ in range(4):
        x = ((x << 7 | x >> 57) + seed & MASK64) ^ nonce
    return Scenario(
        vm_text("steps", "amd_steps.64.elf", args=(nonce, seed), budget=1_000_000),
        stops={"steps": "memory"}, status=125,
        state={"steps": {"rbx": x, "rcx": 9, "rax": 0x3FFFF0FF}},
        exits=[("wbinvd", "amd_steps.64.elf:first"), ("wbinvd", "amd_steps.64.elf:second"),
               ("cr", "amd_steps.64.elf:third"), ("wbinvd", "amd_steps.64.elf:fourth"),
               ("memory", "amd_steps.64.elf:last")])


# ---- 2.2: svm_decode_io --------------------------------------------------------------------------

def port_vm(insn: str, value: int) -> str:
    """A VM that does one IN or OUT, of which nothing is emulated."""
    return vm_text(insn.replace("_", "-"), "amd_insns.64.elf", bare=True,
                   args=(INSNS.index(insn), value))


def decoded(insn: str, length: int, port: int, size: int, *, reads: bool = False,
            string: bool = False, rep: bool = False) -> dict[str, Value]:
    """What there is to know about that IN or OUT."""
    return {"exit.port": port, "exit.size": size, "exit.in": reads, "exit.string": string,
            "exit.rep": rep, "exit.value": port, "exit.rip": place(insn),
            "exit.next": place(insn) + length}


def ports(value: int, vms: dict[str, dict[str, Value]]) -> Scenario:
    """VMs that do one IN or OUT each, and what must be known about each."""
    names = {insn: insn.replace("_", "-") for insn in vms}
    return Scenario(
        "".join(port_vm(insn, value) for insn in vms),
        stops=dict.fromkeys(names.values(), "io"),
        state={names[insn]: state for insn, state in vms.items()},
        exits=[("io", place(insn)) for insn in vms])


@scenario("ports-in")
def ports_in(nonce: int, seed: int) -> Scenario:
    """IN, with each size, and with the port in DX and in the instruction."""
    value = nonce << 32 | seed
    port = value & 0xFFFF
    return ports(value, {
        "in_byte": decoded("in_byte", 1, port, 1, reads=True),
        "in_word": decoded("in_word", 2, port, 2, reads=True),
        "in_long": decoded("in_long", 1, port, 4, reads=True),
        "in_immediate": decoded("in_immediate", 2, 0xA5, 1, reads=True)})


@scenario("ports-out")
def ports_out(nonce: int, seed: int) -> Scenario:
    """OUT likewise; of RAX, as many bytes must be there as it writes."""
    value = nonce << 32 | seed
    port, eax = value & 0xFFFF, value & 0xFFFFFFFF
    al, ax = eax & 0xFF, eax & 0xFFFF
    return ports(value, {
        "out_byte": decoded("out_byte", 1, port, 1) | {"exit.data": (eax, al)},
        "out_word": decoded("out_word", 2, port, 2) | {"exit.data": (eax, ax)},
        "out_long": decoded("out_long", 1, port, 4) | {"exit.data": eax},
        "out_immediate": decoded("out_immediate", 3, 0x5A, 2) | {"exit.data": (eax, ax)}})


@scenario("ports-string")
def ports_string(nonce: int, seed: int) -> Scenario:
    """INS and OUTS, which we can't do yet, and must therefore know for what they are."""
    value = nonce << 32 | seed
    port = value & 0xFFFF
    return ports(value, {
        "in_string": decoded("in_string", 1, port, 1, reads=True, string=True),
        "out_string": decoded("out_string", 1, port, 4, string=True),
        "rep_in_string": decoded("rep_in_string", 3, port, 2, reads=True, string=True, rep=True),
        "rep_out_string": decoded("rep_out_string", 2, port, 1, string=True, rep=True)})


# ---- 2.7: svm_inject -----------------------------------------------------------------------------

IRET = 1 << 20  # in intercept_misc1
VALID, HAS_ERROR = 1 << 31, 1 << 11
INTR, NMI, EXCEPTION, SOFT = (kind << 8 for kind in (0, 2, 3, 4))


def idle(**values: Value | Bits) -> Scenario:
    """A VM that does not run; `values` are those of its VMCB."""
    return Scenario(vm_text("idle", "first.64.elf"), exits=[], see=values)


def injected(event: str, eventinj: int, blocks_nmis: bool = False) -> Scenario:
    """An event that the next VMRUN is to deliver."""
    iret = {"IRET": IRET}
    made = idle(eventinj=eventinj,
                intercept_misc1=Bits(one=iret) if blocks_nmis else Bits(zero=iret))
    return replace(made, words=f"until=inject:{event}")


@scenario("inject-interrupt")
def inject_interrupt(nonce: int, seed: int) -> Scenario:
    return injected("interrupt", VALID | INTR | 0x41)


@scenario("inject-fault")
def inject_fault(nonce: int, seed: int) -> Scenario:
    return injected("fault", 0x1234 << 32 | VALID | HAS_ERROR | EXCEPTION | 13)


@scenario("inject-ud")
def inject_ud(nonce: int, seed: int) -> Scenario:
    return injected("ud", VALID | EXCEPTION | 6)


@scenario("inject-nmi")
def inject_nmi(nonce: int, seed: int) -> Scenario:
    return injected("nmi", VALID | NMI | 2, blocks_nmis=True)


@scenario("inject-soft")
def inject_soft(nonce: int, seed: int) -> Scenario:
    return injected("soft", VALID | SOFT | 0x80)


# ---- 2.8: svm_window -----------------------------------------------------------------------------

VINTR = 1 << 4  # in intercept_misc1
V_IRQ, V_INTR_PRIO, V_IGN_TPR, V_INTR_MASKING = 1 << 8, 0xF << 16, 1 << 20, 1 << 24
WINDOW = {"V_IRQ": V_IRQ, "V_INTR_PRIO": V_INTR_PRIO, "V_IGN_TPR": V_IGN_TPR}
OTHERS = {"INTR": 1 << 0, "NMI": 1 << 1, "CPUID": 1 << 18, "IOIO_PROT": 1 << 27,
          "MSR_PROT": 1 << 28}
MASKING = {"V_INTR_MASKING": V_INTR_MASKING}


def windowed(what: str, *, opened: bool = False, blocks_nmis: bool = False) -> Scenario:
    """A window that was asked for, or no longer is; the rest of the VMCB stays as it was."""
    on = {"VINTR": VINTR} if opened else {}
    on |= {"IRET": IRET} if blocks_nmis else {}
    off = {name: mask for name, mask in (("VINTR", VINTR), ("IRET", IRET)) if name not in on}
    made = idle(int_vector=0, intercept_misc1=Bits(one=OTHERS | on, zero=off),
                int_ctl=Bits(one=MASKING | WINDOW) if opened else Bits(one=MASKING, zero=WINDOW))
    return replace(made, words=f"until=window:{what}")


@scenario("window-interrupt")
def window_interrupt(nonce: int, seed: int) -> Scenario:
    return windowed("interrupt", opened=True)


@scenario("window-interrupt-off")
def window_interrupt_off(nonce: int, seed: int) -> Scenario:
    return windowed("interrupt-off")


@scenario("window-nmi")
def window_nmi(nonce: int, seed: int) -> Scenario:
    """After an NMI its window is open already: nothing to ask for."""
    return windowed("nmi", blocks_nmis=True)


@scenario("window-nmi-off")
def window_nmi_off(nonce: int, seed: int) -> Scenario:
    return windowed("nmi-off")


# ---- 2.11: svm_msr_pass --------------------------------------------------------------------------

EFER_LONG = 1 << 8 | 1 << 10  # LME, LMA


@scenario("pass-msrs")
def pass_msrs(nonce: int, seed: int) -> Scenario:
    """MSRs of two ranges: the guest's own exit once, their neighbours always."""
    guest = "amd_msrs.64.elf"
    return Scenario(
        vm_text("msrs", guest, args=(nonce, seed), budget=1_000_000),
        stops={"msrs": "memory"}, status=125,
        state={"msrs": {"rbx": nonce, "rbp": seed, "r8": EFER_LONG, "r9": seed, "r10": 0,
                        "r11": nonce, "r12": seed, "r13": 1}},
        exits=[("wrmsr", f"{guest}:star_first"), ("rdmsr", f"{guest}:efer_read"),
               ("rdmsr", f"{guest}:lstar_first"), ("wrmsr", f"{guest}:kernel_gs_first"),
               ("wrmsr", f"{guest}:sysenter_first"), ("rdmsr", f"{guest}:misc_enable"),
               ("wrmsr", f"{guest}:misc_enable_again"), ("wrmsr", f"{guest}:efer_write"),
               ("memory", f"{guest}:last")])


# ---- 2.12: svm_requeue_event ---------------------------------------------------------------------

LATE = 0x40000000


def late(name: str, kernel: str, argument: int, *, selector: int = 0) -> str:
    """A VM that has 64 KiB more memory as soon as it touches that."""
    text = vm_text(name, kernel, args=(argument, selector))
    return text.replace("\n}", f"\n    late {LATE:#x} 64K\n}}")


def requeued(event: str, eventinj: int, nonce: int) -> Scenario:
    """The next entry after one whose event has met a page that was not there."""
    return Scenario(
        late("cut", "amd_cut.64.elf", LATE + nonce % 8 * 0x1000),
        words=f"until=requeue:{event}",
        see={"eventinj": eventinj},
        exits=[("wbinvd", "amd_cut.64.elf:here"), ("memory", None)])


@scenario("requeue-interrupt")
def requeue_interrupt(nonce: int, seed: int) -> Scenario:
    return requeued("interrupt", VALID | INTR | 0x41, nonce)


@scenario("requeue-fault")
def requeue_fault(nonce: int, seed: int) -> Scenario:
    return requeued("fault", 0x1234 << 32 | VALID | HAS_ERROR | EXCEPTION | 13, nonce)


@scenario("requeue-nmi")
def requeue_nmi(nonce: int, seed: int) -> Scenario:
    return requeued("nmi", VALID | NMI | 2, nonce)


@scenario("requeue-ud")
def requeue_ud(nonce: int, seed: int) -> Scenario:
    return requeued("ud", VALID | EXCEPTION | 6, nonce)


# INT n, INT3 and INTO come again by themselves. Bochs tells the first as an interrupt.

@scenario("requeue-soft", on={"tcg": ""})
def requeue_soft(nonce: int, seed: int) -> Scenario:
    return requeued("soft", 0, nonce)


@scenario("requeue-breakpoint")
def requeue_breakpoint(nonce: int, seed: int) -> Scenario:
    return requeued("breakpoint", 0, nonce)


@scenario("requeue-overflow")
def requeue_overflow(nonce: int, seed: int) -> Scenario:
    return requeued("overflow", 0, nonce)


@scenario("late-interrupt")
def late_interrupt(nonce: int, seed: int) -> Scenario:
    """An interrupt whose handler's stack is not there yet comes once, and is not lost."""
    return Scenario(late("late", "late.64.elf", LATE), stops={"late": "exit"},
                    prints={"late": {"order": "I"}},
                    exits={"memory": 1, "hypercall": 1, "cpuid": range(1, 100),
                           "io": range(10, 100)})


def late_fault(selector: int) -> Scenario:
    return Scenario(late("late", "amd_late.64.elf", LATE, selector=selector),
                    stops={"late": "exit"},
                    prints={"late": {"came": "0x1", "error": f"{selector:#x}", "there": "0x1"}},
                    exits={"memory": 1, "io": range(10, 100),
                           **({} if selector else {"rdmsr": 1})})


@scenario("late-fault")
def late_injected_fault(nonce: int, seed: int) -> Scenario:
    """So does a #GP that we inject."""
    return late_fault(0)


@scenario("late-selector")
def late_selector(nonce: int, seed: int) -> Scenario:
    """And a #GP of the guest's own, with its error code."""
    return late_fault(0x40 + nonce % 0x1000 * 8)


# ---- 2.13: svm_deadline --------------------------------------------------------------------------

def timers(name: str, first: int, last: int) -> Scenario:
    """64 timer interrupts, each `first` to `last` TSC ticks after it was asked for."""
    return Scenario(
        vm_text(name, "amd_deadline.64.elf", args=(first, last), budget=10_000_000),
        stops={name: "exit"}, instructions=40_000_000,
        prints={name: {"came": "0x40", "late": "0x0"}},
        exits={"hypercall": 64, "cpuid": 64, "io": range(64, 200)})


@scenario("timer-soon")
def timer_soon(nonce: int, seed: int) -> Scenario:
    """Long before the CPU's own timer would end the run."""
    return timers("soon", 20_000 + nonce % 20_000, 50_000 + seed % 20_000)


@scenario("timer-now")
def timer_now(nonce: int, seed: int) -> Scenario:
    """So soon that the time may be over before the guest runs again."""
    return timers("now", 1, 1500)


@scenario("timer-far")
def timer_far(nonce: int, seed: int) -> Scenario:
    """The CPU's own timer goes on as ever, or this VM could never be stopped."""
    return Scenario(
        vm_text("far", "amd_deadline.64.elf", args=(1 << 40, 1 << 40), budget=3_000_000),
        stops={"far": "budget"}, status=125, instructions=40_000_000,
        exits={"hypercall": 1, "cpuid": 1, "io": 6, "host_irq": range(0, 10),
               "host_nmi": range(0, 20)})

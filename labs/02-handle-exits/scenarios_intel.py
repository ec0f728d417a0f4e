"""Lab 2 on the Intel track: instructions are passed, events go in, windows open.

Much of this can be seen in the VMCS only: the lines "see" have its fields by their names in
hv/hvm/vmx.def. Sections are those of the Intel SDM, volume 3, as in the comments of hv/hvm/vmx*.c.
"""

from nestling.scenario import Bits, Exits, Scenario, Value, scenario, vm_text

ENTRY = 0x8000  # guest/lib/guest.ld
NOWHERE = 0x3FFFFFFF  # no memory: what a guest touches to end
FAILED = 125  # what the status is then


def mod32(number: int) -> int:
    return number & 0xFFFFFFFF


# ---- 2.1: past the instruction ------------------------------------------------------------------

BLOCKING = "GUEST_INTERRUPTIBILITY_STATE"


def strides(nonce: int, seed: int, exits: Exits, **more: object) -> Scenario:
    """guest/intel_strides.64.S: exits of 4, 2, 3, 4 and 7 bytes, and one that nobody deals with."""
    return Scenario(vm_text("strides", "intel_strides.64.elf", args=(nonce, seed & 15),
                            budget=500_000), exits=exits, **more)  # type: ignore[arg-type]


@scenario("vmx-advance-once")
def advance_once(nonce: int, seed: int) -> Scenario:
    """The first exit is a MOV to CR8."""
    return strides(nonce, seed, [("cr", None)], words="until=entry:2",
                   see={"GUEST_RIP": ENTRY + 4, "VM_EXIT_INSTRUCTION_LENGTH": 4})


@scenario("vmx-advance-sti")
def advance_sti(nonce: int, seed: int) -> Scenario:
    """STI, then WBINVD: the shadow of STI ends with WBINVD."""
    return strides(nonce, seed, [("cr", None), ("wbinvd", None)], words="until=entry:3",
                   see={BLOCKING: 0, "GUEST_RIP": ENTRY + 11})


@scenario("vmx-advance-ss")
def advance_ss(nonce: int, seed: int) -> Scenario:
    """MOV to SS, then WBINVD."""
    return strides(nonce, seed, [("cr", None), ("wbinvd", None), ("wbinvd", None)],
                   words="until=entry:4", see={BLOCKING: 0, "GUEST_RIP": ENTRY + 22})


@scenario("vmx-advance-on")
def advance_on(nonce: int, seed: int) -> Scenario:
    return strides(nonce, seed, [("cr", None), ("wbinvd", None), ("wbinvd", None), ("cr", None),
                                 ("wbinvd", None), ("memory", None)],
                   stops={"strides": "memory"}, status=FAILED,
                   state={"strides": {"rbp": nonce + 1 + 2 + 4 + 8 + 16, "rbx": seed & 15,
                                      "exit.gpa": NOWHERE}})


@scenario("vmx-advance-edge")
def advance_edge(nonce: int, seed: int) -> Scenario:
    """Over 4 GiB in 64-bit mode, and around it in compatibility mode: guest/intel_edge.64.S."""
    lea = 7  # bytes, from 4 GiB on
    return Scenario(vm_text("edge", "intel_edge.64.elf", memory="4M", args=(nonce, seed),
                            budget=500_000),
                    exits=[("wbinvd", None), ("wbinvd", None), ("memory", None)],
                    stops={"edge": "memory"}, status=FAILED,
                    state={"edge": {"rbx": (1 << 32) + lea, "exit.rip": 3, "exit.gpa": NOWHERE,
                                    "rbp": mod32(nonce + 3)}})


# ---- 2.2: ports ---------------------------------------------------------------------------------

RAX = 0x1122334455667788  # guest/intel_ports.64.S

# The kinds of guest/intel_ports.64.S: size, IN, string, REP; the port, if the instruction has it.
PORTS = {
    "out-byte": (1, 0, 0, 0, None), "out-word": (2, 0, 0, 0, None), "out-long": (4, 0, 0, 0, None),
    "out-fixed": (1, 0, 0, 0, 0x92), "in-byte": (1, 1, 0, 0, None), "in-word": (2, 1, 0, 0, None),
    "in-long": (4, 1, 0, 0, None), "in-fixed": (4, 1, 0, 0, 0x71), "outs": (2, 0, 1, 0, None),
    "rep-outs": (1, 0, 1, 1, None), "ins": (4, 1, 1, 0, None), "rep-ins": (2, 1, 1, 1, None)}


def ports(nonce: int, *kinds: str) -> Scenario:
    """A bare VM for each kind: it ends at its instruction."""
    state: dict[str, dict[str, Value]] = {}
    text = ""
    for kind in kinds:
        size, is_in, string, rep, fixed = PORTS[kind]
        port = nonce >> 16 | 1 if fixed is None else fixed
        text += vm_text(kind, "intel_ports.64.elf", args=(list(PORTS).index(kind), nonce >> 16 | 1),
                        bare=True)
        state[kind] = {"exit.port": port, "exit.size": size, "exit.in": is_in,
                       "exit.string": string, "exit.rep": rep, "exit.value": port}
        if not is_in and not string:  # how many bytes of it are data is the size's business
            whole = mod32(RAX)
            state[kind]["exit.data"] = (whole, whole & (1 << 8 * size) - 1)
    return Scenario(text, exits={"io": len(kinds)}, stops=dict.fromkeys(kinds, "io"), state=state)


@scenario("vmx-ports-out")
def ports_out(nonce: int, seed: int) -> Scenario:
    return ports(nonce, "out-byte", "out-word", "out-long", "out-fixed")


@scenario("vmx-ports-in")
def ports_in(nonce: int, seed: int) -> Scenario:
    return ports(nonce, "in-byte", "in-word", "in-long", "in-fixed")


@scenario("vmx-ports-string")
def ports_string(nonce: int, seed: int) -> Scenario:
    return ports(nonce, "outs", "rep-outs", "ins", "rep-ins")


# ---- 2.7: events go in --------------------------------------------------------------------------

INFO, ERROR, LENGTH = ("VM_ENTRY_INTERRUPTION_INFO", "VM_ENTRY_EXCEPTION_ERROR_CODE",
                       "VM_ENTRY_INSTRUCTION_LENGTH")
VALID, HAS_ERROR = 1 << 31, 1 << 11
INTERRUPT, NMI, EXCEPTION, SOFT = (type_ << 8 for type_ in (0, 2, 3, 4))
NMI_VECTOR, BREAKPOINT, UD, GP = 2, 3, 6, 13


def inject(event: str, mode: str, see: dict[str, Value | Bits]) -> Scenario:
    """One event of hv/core/milestone.h, right at the start."""
    bits = {"real": "16", "protected": "32", "long": "64"}[mode]
    return Scenario(vm_text("inject", f"first.{bits}.elf", mode=mode), exits=[],
                    words=f"until=inject:{event}", see=see)


@scenario("vmx-inject-interrupt")
def inject_interrupt(nonce: int, seed: int) -> Scenario:
    return inject("interrupt", "long", {INFO: VALID | INTERRUPT | 0x41})


@scenario("vmx-inject-fault")
def inject_fault(nonce: int, seed: int) -> Scenario:
    return inject("fault", "long", {INFO: VALID | HAS_ERROR | EXCEPTION | GP, ERROR: 0x1234})


@scenario("vmx-inject-fault-protected")
def inject_fault_protected(nonce: int, seed: int) -> Scenario:
    return inject("fault", "protected", {INFO: VALID | HAS_ERROR | EXCEPTION | GP, ERROR: 0x1234})


@scenario("vmx-inject-fault-real")
def inject_fault_real(nonce: int, seed: int) -> Scenario:
    """In real mode no exception has an error code."""
    return inject("fault", "real", {INFO: VALID | EXCEPTION | GP})


@scenario("vmx-inject-ud")
def inject_ud(nonce: int, seed: int) -> Scenario:
    return inject("ud", "long", {INFO: VALID | EXCEPTION | UD})


@scenario("vmx-inject-soft")
def inject_soft(nonce: int, seed: int) -> Scenario:
    return inject("soft", "long", {INFO: VALID | SOFT | 0x80, LENGTH: 2})


@scenario("vmx-inject-nmi")
def inject_nmi(nonce: int, seed: int) -> Scenario:
    return inject("nmi", "long", {INFO: VALID | NMI | NMI_VECTOR, BLOCKING: 0})


@scenario("vmx-inject-nmi-again")
def inject_nmi_again(nonce: int, seed: int) -> Scenario:
    """Its first delivery blocked NMIs, and was cut short."""
    return inject("nmi-again", "long", {INFO: VALID | NMI | NMI_VECTOR, BLOCKING: 0})


# ---- 2.8: windows -------------------------------------------------------------------------------

PROC = "PROC_BASED_VM_EXEC_CONTROL"
INTERRUPT_WINDOW = {"interrupt window": 1 << 2}
NMI_WINDOW = {"NMI window": 1 << 22}
# What vmx_init_controls() asked for: HLT, MWAIT, RDPMC and MONITOR exiting, TSC offsetting, the
# bitmaps, the secondary controls.
OTHERS = {"others": 1 << 3 | 1 << 7 | 1 << 10 | 1 << 11 | 1 << 25 | 1 << 28 | 1 << 29 | 1 << 31}


def window(what: str, one: dict[str, int], zero: dict[str, int]) -> Scenario:
    return Scenario(vm_text("window", "first.64.elf"), exits=[], words=f"until=window:{what}",
                    see={PROC: Bits(one=one | OTHERS, zero=zero)})


@scenario("vmx-window-interrupt")
def window_interrupt(nonce: int, seed: int) -> Scenario:
    return window("interrupt", INTERRUPT_WINDOW, NMI_WINDOW)


@scenario("vmx-window-nmi")
def window_nmi(nonce: int, seed: int) -> Scenario:
    return window("nmi", NMI_WINDOW, INTERRUPT_WINDOW)


@scenario("vmx-window-interrupt-off")
def window_interrupt_off(nonce: int, seed: int) -> Scenario:
    return window("interrupt-off", {}, INTERRUPT_WINDOW | NMI_WINDOW)


@scenario("vmx-window-nmi-off")
def window_nmi_off(nonce: int, seed: int) -> Scenario:
    return window("nmi-off", {}, INTERRUPT_WINDOW | NMI_WINDOW)


# ---- 2.11: the guest's own MSRs -----------------------------------------------------------------

@scenario("vmx-msr-pass")
def msr_pass(nonce: int, seed: int) -> Scenario:
    """guest/intel_msrs.64.c: the first access to each of its own two exits, and only that."""
    high = seed >> 1
    return Scenario(vm_text("msrs", "intel_msrs.64.elf", args=(nonce, high), budget=2_000_000),
                    exits={"rdmsr": 5, "wrmsr": 3, "io": range(10, 200)},
                    stops={"msrs": "exit"},
                    prints={"msrs": {"low": f"{nonce:#x}", "high": f"{high + 1:#x}",
                                     "faults": "0x1"}})


# ---- 2.12: a delivery that was cut short --------------------------------------------------------

LATE = 0x40000000


def cut(what: int, selector: int, exits: Exits, **more: object) -> Scenario:
    """guest/intel_cut.64.c: the stack for the handler is not there when the event comes."""
    text = vm_text("cut", "intel_cut.64.elf", args=(LATE, selector << 16 | what), budget=20_000_000)
    return Scenario(text.replace("}", f"    late {LATE:#x} 64K\n}}"), exits=exits,
                    **more)  # type: ignore[arg-type]


def cut_seen(what: int, selector: int, see: dict[str, Value | Bits]) -> Scenario:
    """The entry after the exit that cut the event short, which is the first exit."""
    return cut(what, selector, [("memory", None)], words="until=entry:2", see=see)


def cut_run(what: int, prints: dict[str, str], **exits: int) -> Scenario:
    """To the guest's end: the handler ran once."""
    return cut(what, 0, {"memory": 1, "io": range(10, 200), **exits}, stops={"cut": "exit"},
               prints={"cut": prints})


@scenario("vmx-cut-interrupt")
def cut_interrupt(nonce: int, seed: int) -> Scenario:
    return cut_run(0, {"order": "I", "behind": "0x0"}, cpuid=1, hypercall=1)


@scenario("vmx-cut-nmi")
def cut_nmi(nonce: int, seed: int) -> Scenario:
    return cut_run(1, {"order": "N", "behind": "0x0"}, cpuid=1, hypercall=1)


@scenario("vmx-cut-fault")
def cut_fault(nonce: int, seed: int) -> Scenario:
    """A #GP for a selector beyond the GDT: it is the error code."""
    selector = nonce & 0x7FF8 | 0x8000
    return cut_seen(2, selector, {INFO: VALID | HAS_ERROR | EXCEPTION | GP, ERROR: selector})


@scenario("vmx-cut-ud")
def cut_ud(nonce: int, seed: int) -> Scenario:
    return cut_seen(3, 0, {INFO: VALID | EXCEPTION | UD})


@scenario("vmx-cut-trap")
def cut_trap(nonce: int, seed: int) -> Scenario:
    return cut_seen(4, 0, {INFO: VALID | SOFT | 0x41, LENGTH: 2})


@scenario("vmx-cut-int3")
def cut_int3(nonce: int, seed: int) -> Scenario:
    """INT3 is of a type of its own, and goes back in as the others do."""
    return cut_seen(5, 0, {INFO: VALID | SOFT | BREAKPOINT, LENGTH: 1})


@scenario("vmx-cut-return")
def cut_return(nonce: int, seed: int) -> Scenario:
    return cut_run(4, {"order": "T", "behind": "0x2"})


# ---- 2.13: back in time -------------------------------------------------------------------------

TIMER = "VMX_PREEMPTION_TIMER_VALUE"
WATCHDOG = 1_000_000  # VMX_WATCHDOG_TICKS


def alarm(count: int, first: int, second: int, exits: Exits, **more: object) -> Scenario:
    """guest/intel_alarm.64.c: `count` alarms, the first two in so many ticks."""
    return Scenario(vm_text("alarm", "intel_alarm.64.elf", args=(count, second << 32 | first),
                            budget=100_000_000), exits=exits, **more)  # type: ignore[arg-type]


def alarm_run(count: int, first: int, second: int) -> Scenario:
    """Each in its time: "late" counts 8192 ticks, a hundredth of the watchdog's time."""
    return alarm(count, first, second,
                 {"cpuid": count, "hypercall": count, "io": range(count, 10 * count + 200),
                  "preempt": range(4 * count + 10)},
                 stops={"alarm": "exit"},
                 prints={"alarm": {"came": f"{count:#x}", "early": "0x0", "first": "0x0",
                                   "late": "0x0"}})


def alarm_seen(ticks: int, value: Value | Bits) -> Scenario:
    """The entry after the hypercall that sets the timer; CPUID came before."""
    return alarm(0, ticks, 0, [("cpuid", None), ("hypercall", None)], words="until=entry:3",
                 see={TIMER: value})


@scenario("vmx-deadline-met")
def deadline_met(nonce: int, seed: int) -> Scenario:
    return alarm_run(4, 20_000 + nonce % 10_000, 60_000 + seed % 10_000)


@scenario("vmx-deadline-short")
def deadline_short(nonce: int, seed: int) -> Scenario:
    """So short that some are over when they get to vmx_deadline(); the first is not."""
    return alarm_run(128, 20_000 + nonce % 10_000, 1 + seed % 8)


@scenario("vmx-deadline-long")
def deadline_long(nonce: int, seed: int) -> Scenario:
    """Beyond 32 bits, which is what the field has. How it counts is the CPU's."""
    return alarm_seen((1 << 33) + nonce % 65536, tuple(WATCHDOG >> rate for rate in range(32)))


@scenario("vmx-deadline-near")
def deadline_near(nonce: int, seed: int) -> Scenario:
    return alarm_seen(60_000, Bits(zero={"bits 31 to 16": 0xFFFF0000}))

"""Lab 2, the exercises of both tracks: ports, a serial port, CPUID, hypercalls, events, MSRs, HLT.

Nearly all guests print what they saw. Those that run before there is a serial port, or that do one
thing only, end with their registers shown.
"""

from collections.abc import Mapping

from nestling.scenario import Bits, Scenario, Value, scenario, vm_text

AMD = {"tcg": "", "bochs-svm": ""}
INTEL = {"bochs-vmx": ""}

EPERM, EINVAL, ENOSYS = 1, 22, 38
STATUS_FAILED = 125  # of a VM that did not end by itself (hv/vmm/vmm.c)

LOW, ALL = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
ANY = range(100_000)  # as many exits as it takes

# Events as EVENTINJ and the VM-entry interruption information have them: APM vol. 2, 15.20; SDM
# vol. 3, 24.8.3.
VALID, HAS_ERROR, EXCEPTION = 1 << 31, 1 << 11, 3 << 8
INTERRUPT_EVENT = VALID | 0x41
NMI_EVENT = VALID | 2 << 8 | 2
UD_EVENT = VALID | EXCEPTION | 6
GP_EVENT = VALID | HAS_ERROR | EXCEPTION | 13


def vm(name: str, kernel: str, first: int = 0, second: int = 0, *, more: str = "",
       budget: int = 10_000_000) -> str:
    """One VM that ends by itself."""
    text = vm_text(name, kernel, args=(first, second), budget=budget)
    return text.replace("}\n", f"    {more}\n}}\n") if more else text


def texts(values: Mapping[str, int]) -> dict[str, str]:
    """Numbers as a guest prints them."""
    return {key: f"{value:#x}" for key, value in values.items()}


def patched(whole: int, part: int, size: int) -> int:
    """`whole` after its low `size` bytes became `part`."""
    mask = (1 << 8 * size) - 1
    return whole & ~mask & ALL | part & mask


# ---- 2.3: ports ----------------------------------------------------------------------------------

ELCR = 0xDEF8  # the bits of the two edge/level registers that can be written


@scenario("ports")
def ports(nonce: int, seed: int) -> Scenario:
    seed &= 0x7F7F7F7F  # what nobody drives reads as ones; so nothing else may
    fill = nonce << 32 | seed
    mask = nonce & 0xFF
    state: dict[str, Value] = {
        "r8": patched(fill, LOW, 1), "r9": patched(fill, LOW, 2), "r10": LOW,
        "r11": patched(fill, LOW, 1), "r12": patched(fill, LOW, 1),
        "r13": patched(fill, mask, 1), "r14": patched(fill, ~mask, 1),
        "rbp": fill, "rbx": 0xFFFF0000 | seed & ELCR, "rcx": patched(fill, 0xFF00 | mask, 2),
        "rdi": nonce, "rax": 0x12345607}
    return Scenario(
        vm("ports", "bus.64.elf", nonce, seed, more="late 0x40000000 64K\n    exits 14"),
        stops={"ports": "exits"}, state={"ports": state},
        exits={"io": 13, "memory": 1}, status=0)


@scenario("ports-narrow")
def ports_narrow(nonce: int, seed: int) -> Scenario:
    """An OUT of one byte ends the VM: its status is that byte, not all of EAX."""
    return Scenario(
        vm("ports", "bus.64.elf", nonce, seed, more="late 0x40000000 64K"),
        stops={"ports": "exit"}, exits={"io": 13, "memory": 1}, status=7)


# ---- 2.4: the serial port ------------------------------------------------------------------------

@scenario("hello")
def hello(nonce: int, seed: int) -> Scenario:
    """29 characters and a line end: for each the guest reads LSR and writes THR."""
    status = nonce % 100
    return Scenario(vm("hello", "hello.64.elf", status, budget=2_000_000), stops={"hello": "exit"},
                    exits={"io": 2 * 30 + 1}, status=status)


@scenario("uart")
def uart(nonce: int, seed: int) -> Scenario:
    # The divisor is text, should it be sent; IER does not enable the interrupt "THR is empty".
    nonce = nonce & 0x0F0F0FFD | 0x41410015
    seed = seed & ~0x1F | 0xB5  # MCR has five bits
    return Scenario(
        vm("uart", "uart.64.elf", nonce, seed), stops={"uart": "exit"}, exits={"io": ANY},
        prints={"uart": texts({
            "ier": nonce & 0xF, "rbr": 0, "iir": 1, "lcr": 3, "mcr": seed & 0x1F, "mcr.after": 0,
            "lsr": 0x60, "msr": 0xB0, "scr": nonce >> 8 & 0xFF, "divisor": nonce >> 16,
            "lcr.dlab": 0x83, "reset": 0})})


# ---- 2.5: CPUID ----------------------------------------------------------------------------------

HYPERVISOR, OSXSAVE = 1 << 31, 1 << 27


def leaf(name: str, eax: int, ebx: int, ecx: int, edx: int) -> dict[str, int]:
    return {f"{name}.rax": eax, f"{name}.rbx": ebx, f"{name}.rcx": ecx, f"{name}.rdx": edx}


@scenario("leaves")
def leaves(nonce: int, seed: int) -> Scenario:
    def number(text: bytes) -> int:
        return int.from_bytes(text, "little")

    nestling = (0x40000000, number(b"Nest"), number(b"ling"), 0)
    return Scenario(
        vm("leaves", "leaves.64.elf", nonce), stops={"leaves": "exit"},
        exits={"cpuid": 9, "xsetbv": range(2), "io": ANY},  # QEMU does not tell of XSETBV
        prints={"leaves": texts(
            leaf("hypervisor", *nestling) | leaf("any", *nestling) | leaf("none", 0, 0, 0, 0)
            | leaf("subleaf", 256, 576, 0, 0) | leaf("nosubleaf", 0, 0, 0, 0)
            | {"features": HYPERVISOR, "features.osxsave": HYPERVISOR | OSXSAVE,
               "xsave.x87": 576, "xsave.avx": 832})})


# ---- 2.6: hypercalls -----------------------------------------------------------------------------

VERSION, YIELD, INTERRUPT, NMI, TIMER = range(5)


def one_call(name: str, number: int, argument: int, is_intel: bool) -> str:
    """A VM that makes one call; an OUT ends it."""
    return vm_text(name, "call.64.elf", args=(argument, number << 2 | is_intel), exits=1)


def calls(is_intel: bool) -> Scenario:
    """Calls that have a result, and no other effect. RCX, RDX and RSI are not theirs to change."""
    results = {}
    text = ""
    for name, number, argument, result in (
            ("version", VERSION, 0x5555, 1),
            ("missing", 5, 0, -ENOSYS),
            ("missing.high", 1 << 32, 0, -ENOSYS),
            ("interrupt.low", INTERRUPT, 31, -EINVAL),
            ("interrupt.high", INTERRUPT, 1 << 32 | 0x40, -EINVAL),
            ("timer.never", TIMER, 1 << 63, -EINVAL)):
        text += one_call(name, number, argument, is_intel)
        results[name] = result & ALL
    return Scenario(
        text, exits={"hypercall": len(results), "io": len(results)},
        stops={name: "exits" for name in results},
        state={name: {"rax": result, "rcx": 0x5151, "rdx": 0x5252, "rsi": 0x5656}
               for name, result in results.items()})


@scenario("calls-amd", on=AMD)
def calls_amd(nonce: int, seed: int) -> Scenario:
    return calls(False)


@scenario("calls-intel", on=INTEL)
def calls_intel(nonce: int, seed: int) -> Scenario:
    return calls(True)


def call_waits(number: int, argument: int, is_intel: bool, event: int) -> Scenario:
    """A call after which something waits: shown before the guest could notice."""
    return Scenario(one_call("call", number, argument, is_intel), exits=[("hypercall", None)],
                    words="until=waits", see={"queued": event, "timer is on": number == TIMER,
                                              "gpr0": 0, "gpr7": argument})


@scenario("call-interrupt-amd", on=AMD)
def call_interrupt_amd(nonce: int, seed: int) -> Scenario:
    vector = 32 + nonce % 224
    return call_waits(INTERRUPT, vector, False, VALID | vector)


@scenario("call-nmi-amd", on=AMD)
def call_nmi_amd(nonce: int, seed: int) -> Scenario:
    return call_waits(NMI, nonce, False, NMI_EVENT)


@scenario("call-timer-amd", on=AMD)
def call_timer_amd(nonce: int, seed: int) -> Scenario:
    return call_waits(TIMER, 1 << 40 | nonce, False, 0)


@scenario("call-interrupt-intel", on=INTEL)
def call_interrupt_intel(nonce: int, seed: int) -> Scenario:
    vector = 32 + nonce % 224
    return call_waits(INTERRUPT, vector, True, VALID | vector)


@scenario("call-nmi-intel", on=INTEL)
def call_nmi_intel(nonce: int, seed: int) -> Scenario:
    return call_waits(NMI, nonce, True, NMI_EVENT)


@scenario("call-timer-intel", on=INTEL)
def call_timer_intel(nonce: int, seed: int) -> Scenario:
    return call_waits(TIMER, 1 << 40 | nonce, True, 0)


def call_users(is_intel: bool) -> Scenario:
    """The guest's own user programs may not: even a call that there is does nothing."""
    text = vm_text("user", "call.64.elf", args=(0x40, NMI << 2 | 2 | is_intel), exits=1)
    return Scenario(
        text, exits=[("hypercall", None), ("io", "call.64.elf:at_out")],
        stops={"user": "exits"}, state={"user": {"rax": -EPERM & ALL, "cs": 0x23}})


@scenario("call-user-amd", on=AMD)
def call_user_amd(nonce: int, seed: int) -> Scenario:
    return call_users(False)


@scenario("call-user-intel", on=INTEL)
def call_user_intel(nonce: int, seed: int) -> Scenario:
    return call_users(True)


def call_yields(is_intel: bool) -> Scenario:
    """Two VMs that yield, then end with an OUT: their turns are in the order of the exits."""
    text = "".join(vm_text(name, "call.64.elf", args=(0, YIELD << 2 | is_intel), exits=1)
                   for name in ("one", "two"))
    return Scenario(
        text, exits=[("hypercall", None), ("hypercall", None), ("io", "call.64.elf:at_out"),
                     ("io", "call.64.elf:at_out")],
        stops={"one": "exits", "two": "exits"},
        state={"one": {"rax": 0}, "two": {"rax": 0}})


@scenario("call-yield-amd", on=AMD)
def call_yield_amd(nonce: int, seed: int) -> Scenario:
    return call_yields(False)


@scenario("call-yield-intel", on=INTEL)
def call_yield_intel(nonce: int, seed: int) -> Scenario:
    return call_yields(True)


# ---- 2.9: events ---------------------------------------------------------------------------------

@scenario("pending")
def pending(nonce: int, seed: int) -> Scenario:
    return Scenario(
        vm("pending", "pending.64.elf", 32 + nonce % 224), stops={"pending": "exit"},
        exits={"cpuid": range(5, 20), "hypercall": 5, "insn": 2, "io": ANY,
               "nmi_window": range(1, 3)},
        prints={"pending": {"open": "I.", "window": "..I.", "exception": ".U.I.", "nmi": "NnNn.",
                            "rest": ".U."}})


ERROR = 0x1234
VINTR = 1 << 4  # APM vol. 2, appendix B: intercept_misc1
INTERRUPT_WINDOW = 1 << 2  # SDM vol. 3, 24.6.2

# What still waits after the choice, by what was first in the row.
WAITS: dict[str, dict[str, Value]] = {
    "reinject": {"reinject": 0, "exception": UD_EVENT, "queued": INTERRUPT_EVENT},
    "exception": {"reinject": 0, "exception": 0, "queued": INTERRUPT_EVENT},
    "interrupt": {"reinject": 0, "exception": 0, "queued": INTERRUPT_EVENT},
    "nmi": {"reinject": 0, "exception": 0, "queued": 0}}


def selection(first: str, see: Mapping[str, Value | Bits]) -> Scenario:
    return Scenario(vm_text("first", "first.64.elf"), exits=[], words=f"until=select:{first}",
                    see={**see, **WAITS[first]})


def select_amd(first: str, event: int, has_window: bool) -> Scenario:
    bits = {"VINTR": VINTR}
    window = Bits(one=bits) if has_window else Bits(zero=bits)
    return selection(first, {"eventinj": event, "intercept_misc1": window})


def select_intel(first: str, event: int, has_window: bool) -> Scenario:
    bits = {"interrupt-window exiting": INTERRUPT_WINDOW}
    see: dict[str, Value | Bits] = {
        "VM_ENTRY_INTERRUPTION_INFO": event & LOW,
        "PROC_BASED_VM_EXEC_CONTROL": Bits(one=bits) if has_window else Bits(zero=bits)}
    if event >> 32:
        see["VM_ENTRY_EXCEPTION_ERROR_CODE"] = event >> 32
    return selection(first, see)


@scenario("select-reinject-amd", on=AMD)
def select_reinject_amd(nonce: int, seed: int) -> Scenario:
    return select_amd("reinject", ERROR << 32 | GP_EVENT, True)


@scenario("select-exception-amd", on=AMD)
def select_exception_amd(nonce: int, seed: int) -> Scenario:
    return select_amd("exception", UD_EVENT, True)


@scenario("select-interrupt-amd", on=AMD)
def select_interrupt_amd(nonce: int, seed: int) -> Scenario:
    return select_amd("interrupt", 0, True)


@scenario("select-nmi-amd", on=AMD)
def select_nmi_amd(nonce: int, seed: int) -> Scenario:
    return select_amd("nmi", NMI_EVENT, False)


@scenario("select-reinject-intel", on=INTEL)
def select_reinject_intel(nonce: int, seed: int) -> Scenario:
    return select_intel("reinject", ERROR << 32 | GP_EVENT, True)


@scenario("select-exception-intel", on=INTEL)
def select_exception_intel(nonce: int, seed: int) -> Scenario:
    return select_intel("exception", UD_EVENT, True)


@scenario("select-interrupt-intel", on=INTEL)
def select_interrupt_intel(nonce: int, seed: int) -> Scenario:
    return select_intel("interrupt", 0, True)


@scenario("select-nmi-intel", on=INTEL)
def select_nmi_intel(nonce: int, seed: int) -> Scenario:
    return select_intel("nmi", NMI_EVENT, False)


# ---- 2.10: MSRs ----------------------------------------------------------------------------------

@scenario("msrs")
def msrs(nonce: int, seed: int) -> Scenario:
    fill = (nonce | 1) << 32
    types = (0, 1, 4, 5, 6, 7)  # of memory, that there are
    pat = 0
    for digit in range(8):
        pat = pat << 8 | types[(seed >> 4 * digit & 0xF) % 6]
    pat = pat & ~0xFF0000FF00000000 | 0x0600000400000000  # nonzero, in both halves

    def read(name: str, value: int) -> dict[str, int]:
        return {f"{name}.rax": value & LOW, f"{name}.rdx": value >> 32, f"{name}.gp": 0}

    return Scenario(
        vm("msrs", "msrs.64.elf", nonce, pat), stops={"msrs": "exit"},
        exits={"rdmsr": 6, "wrmsr": 6, "io": ANY},
        prints={"msrs": texts(
            read("read", 1) | read("unchanged", 1) | read("pat", pat) | read("pat.kept", pat)
            | read("efer", 0xD01)
            | {"missing.rax": fill | 0x11111111, "missing.rdx": fill | 0x22222222, "missing.gp": 1,
               "missing.error": 0, "missing.place": 0, "write.gp": 1, "write.place": 0,
               "ignored.gp": 0, "pat.bad.gp": 1, "efer.bad.gp": 1, "efer.write.gp": 0,
               "pat.write.rax": fill | pat & LOW, "pat.write.rdx": fill | pat >> 32,
               "pat.write.gp": 0})})


# ---- 2.14: HLT -----------------------------------------------------------------------------------

HALT_DEAF, HALT_NOTHING, HALT_INTERRUPT, HALT_DEAF_TO_INTERRUPT, HALT_TIMER, HALT_DEAF_TO_TIMER = (
    range(6))


@scenario("halt-interrupt")
def halt_interrupt(nonce: int, seed: int) -> Scenario:
    """An interrupt waits for STI, and so it ends the HLT behind it."""
    return Scenario(
        vm("halt", "halt.64.elf", HALT_INTERRUPT), stops={"halt": "exit"},
        exits={"cpuid": 1, "hypercall": 1, "hlt": 1, "io": ANY},
        prints={"halt": {"interrupts": "0x1"}})


def halt_for_good(what: int, **exits: int) -> Scenario:
    return Scenario(vm("halt", "halt.64.elf", what), stops={"halt": "halt"},
                    exits={"hlt": 1, **exits})


@scenario("halt-deaf")
def halt_deaf(nonce: int, seed: int) -> Scenario:
    return halt_for_good(HALT_DEAF)


@scenario("halt-nothing")
def halt_nothing(nonce: int, seed: int) -> Scenario:
    return halt_for_good(HALT_NOTHING)


@scenario("halt-deaf-to-interrupt")
def halt_deaf_to_interrupt(nonce: int, seed: int) -> Scenario:
    return halt_for_good(HALT_DEAF_TO_INTERRUPT, cpuid=1, hypercall=1)


# For 2.13: with a timer, each entry has a deadline.

@scenario("halt-timer")
def halt_timer(nonce: int, seed: int) -> Scenario:
    """Asleep until the timer, which takes longer than the VM's budget: sleep costs nothing."""
    return Scenario(
        vm("halt", "halt.64.elf", HALT_TIMER, 3_000_000 + nonce % 1_000_000, budget=2_000_000),
        stops={"halt": "exit"}, exits={"cpuid": 1, "hypercall": 1, "hlt": 1, "io": ANY},
        prints={"halt": {"interrupts": "0x1"}})


@scenario("halt-deaf-to-timer")
def halt_deaf_to_timer(nonce: int, seed: int) -> Scenario:
    return halt_for_good(HALT_DEAF_TO_TIMER, cpuid=1, hypercall=1, io=6)


# ---- 2.15: the end of a vCPU ---------------------------------------------------------------------

ROUNDS = 2000


def canary(seed: int) -> int:
    """What guest/canary.64.c prints."""
    x, table = seed, [0] * 256
    for _ in range(ROUNDS):
        x = (x * 6364136223846793005 + 1442695040888963407) & ALL
        table[x >> 56] ^= x
    for entry in table:
        x = (x ^ entry) * 0x100000001B3 & ALL
    return x


@scenario("neighbours")
def neighbours(nonce: int, seed: int) -> Scenario:
    """VMs that come to their ends by themselves, each at another time, and others go on."""
    first, third = nonce % 100, seed % 100
    yields = 2 * (ROUNDS // 64 + 1)
    return Scenario(
        vm("first", "hello.64.elf", first) + vm("second", "canary.64.elf", seed, ROUNDS, budget=0)
        + vm("third", "hello.64.elf", third)
        + vm("fourth", "canary.64.elf", nonce, ROUNDS, budget=0),
        stops={name: "exit" for name in ("first", "second", "third", "fourth")},
        exits={"cpuid": ANY, "hypercall": yields, "io": ANY},
        prints={"second": texts({"canary": canary(seed)}),
                "fourth": texts({"canary": canary(nonce)})},
        status=max(first, third))


@scenario("neighbours-halt")
def neighbours_halt(nonce: int, seed: int) -> Scenario:
    """The first one halts for good; the second keeps all its registers, to compare."""
    return Scenario(
        vm("first", "halt.64.elf", HALT_DEAF) + vm("second", "hello.64.elf")
        + vm_text("third", "switch.64.elf", args=(nonce, 0), bare=True),
        stops={"first": "halt", "second": "exit", "third": "hlt"},
        exits={"hlt": 2, "io": 2 * 30 + 1},
        state={"third": {"rcx": nonce + 1, "r15": nonce + 15}})


def fnv(seed: int, name: str) -> int:
    """What guest/state.64.c makes of its seed for the register `name`."""
    value = 0xCBF29CE484222325 ^ seed
    for char in name.encode():
        value = (value ^ char) * 0x100000001B3 & ALL
    return value


def neighbours_budget(seed: int, is_intel: bool) -> Scenario:
    """The first VM's time is over after a yield: the CPU is the other's by then, and stays so."""
    debug = {f"dr[{n}]": fnv(seed, f"dr[{n}]") & ALL >> 17 for n in range(4)}
    return Scenario(
        vm_text("first", "call.64.elf", args=(0, YIELD << 2 | is_intel), budget=1000)
        + vm("second", "state.64.elf", seed, 50, budget=0),
        stops={"first": "budget", "second": "exit"},
        exits={reason: ANY for reason in ("cpuid", "hypercall", "io", "rdmsr", "wrmsr", "cr",
                                          "xsetbv")},
        prints={"second": texts(debug)}, status=STATUS_FAILED)


@scenario("neighbours-budget-amd", on=AMD)
def neighbours_budget_amd(nonce: int, seed: int) -> Scenario:
    return neighbours_budget(seed, False)


@scenario("neighbours-budget-intel", on=INTEL)
def neighbours_budget_intel(nonce: int, seed: int) -> Scenario:
    return neighbours_budget(seed, True)


# ---- 2.16: a prediction --------------------------------------------------------------------------

@scenario("predict")
def predict(nonce: int, seed: int) -> Scenario:
    """How many exits there are of each kind is for the student to find out."""
    some = range(1, 10)
    return Scenario(
        vm("predict", "predict.64.elf", more="late 0x40000000 64K"), stops={"predict": "halt"},
        exits={reason: some for reason in ("cpuid", "hlt", "io", "memory", "rdmsr", "wbinvd",
                                           "wrmsr")},
        predict="labs/02-handle-exits/predict.txt")


# ---- 2.17: a guest that doubts -------------------------------------------------------------------

@scenario("doubt")
def doubt(nonce: int, seed: int) -> Scenario:
    """What a student's guest does on its way is its own business."""
    return Scenario(
        vm("doubt", "doubt.64.elf", nonce, seed), stops={"doubt": "exit"},
        exits={reason: ANY for reason in ("cpuid", "hypercall", "io", "insn", "rdmsr", "wrmsr",
                                          "nmi_window", "xsetbv", "wbinvd", "cr", "hlt")}
        | {"hypercall": range(1, len(ANY))})

"""Lab 1: a guest of ten instructions looks around in each mode, and HLT ends it.

guest/lib/first.h is what runs, in a bare VM. This is the last step on both tracks. The state that
is expected is in the comments above svm_init_guest() and vmx_init_guest(), plus what the guest
itself has put into its registers.
"""

import struct

from nestling.scenario import Scenario, Value, scenario

CR0_PE, CR0_ET, CR0_PG = 1 << 0, 1 << 4, 1 << 31
CR4_PAE = 1 << 5
EFER_LME, EFER_LMA = 1 << 8, 1 << 10
RFLAGS_FIXED = 1 << 1
DR6_RESET = 0xFFFF0FF0
DR7_RESET = 0x400
PAT_RESET = 0x0007040600070406

# Access rights, as in struct hv_segment.
CODE, DATA, LDT, BUSY_TSS = 0x9B, 0x93, 0x82, 0x8B
SEG_L, SEG_DB, SEG_G = 1 << 13, 1 << 14, 1 << 15
FLAT = SEG_DB | SEG_G

ENTRY = 0x8000  # guest/lib/guest.ld


def vm_file(mode: str, kernel: str, nonce: int, seed: int) -> str:
    """One VM that starts in `mode`, and ends with its first exit."""
    return f"""\
vm "first" {{
    memory 2M
    mode {mode}
    kernel {kernel}
    args {nonce:#x} {seed:#x}
    budget 5000000
    bare
}}
"""


def mixed(nonce: int, seed: int) -> int:
    """What first.h makes of its arguments, in EBP."""
    return ((nonce << 7 | nonce >> 25) & 0xFFFFFFFF) ^ seed


def segments(selector: int, limit: int, data: int) -> dict[str, Value]:
    """All segments but CS, and the two tables."""
    state: dict[str, Value] = {}
    for name in ("es", "ss", "ds", "fs", "gs"):
        state |= {name: selector, f"{name}.base": 0, f"{name}.limit": limit, f"{name}.attr": data}
    for name, attr in (("ldtr", LDT), ("tr", BUSY_TSS)):
        state |= {name: 0, f"{name}.base": 0, f"{name}.limit": 0xFFFF, f"{name}.attr": attr}
    for name in ("gdtr", "idtr"):
        state |= {f"{name}.base": 0, f"{name}.limit": 0xFFFF}
    return state


def code(selector: int, base: int, limit: int, attr: Value) -> dict[str, Value]:
    return {"cs": selector, "cs.base": base, "cs.limit": limit, "cs.attr": attr}


def control(cr0: int, cr4: int, efer: int) -> dict[str, Value]:
    return {"cr0": cr0, "cr4": cr4, "efer": efer, "dr6": DR6_RESET, "dr7": DR7_RESET,
            "pat": PAT_RESET}


def observed(cr0: int, cr4: int, ss: int, cs: int, nonce: int, seed: int) -> dict[str, Value]:
    """What the guest saw, and left in its registers."""
    return {"rax": cr0, "rbx": cr4, "rdx": RFLAGS_FIXED, "rcx": ss << 16 | cs,
            "rbp": mixed(nonce, seed)}


def real_code(entry: int) -> dict[str, Value]:
    """CS for a start at `entry` in real mode. Some CPUs show what they know of it as data."""
    selector = entry >> 4 & 0xF000
    return code(selector, selector << 4, 0xFFFF, (CODE, DATA))


@scenario("first-real")
def first_real(nonce: int, seed: int) -> Scenario:
    cr0 = CR0_ET
    return Scenario(
        vm=vm_file("real", '"first.16.elf"', nonce, seed),
        stops={"first": "hlt"},
        state={"first": control(cr0, 0, 0) | real_code(ENTRY) | segments(0, 0xFFFF, DATA)
               | observed(cr0, 0, 0, ENTRY >> 4 & 0xF000, nonce, seed)},
        exits=[("hlt", "first.16.elf:done")])


def executable(entry: int, memory: bytes) -> bytes:
    """An ELF file for a 32-bit CPU: `memory` from address 0 on, to be started at `entry`."""
    header, segment = 52, 32
    return (b"\x7fELF\1\1\1".ljust(16, b"\0")
            + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, entry, header, 0, 0, header, segment, 1, 0,
                          0, 0)
            + struct.pack("<IIIIIIII", 1, header + segment, 0, 0, len(memory), len(memory), 7, 1)
            + memory)


@scenario("first-high")
def first_high(nonce: int, seed: int) -> Scenario:
    """Real mode again, anywhere from 64 KiB to 640 KiB: only the right CS gets there."""
    entry = 0x10000 + nonce % 0x90 * 0x1000 + seed % 0xFF0
    selector = entry >> 4 & 0xF000
    mov_cx_cs, hlt = b"\x8c\xc9", b"\xf4"
    memory = bytearray(hlt * 0xA0000)  # wherever a wrong start leads, it ends there
    memory[entry:entry + len(mov_cx_cs)] = mov_cx_cs
    return Scenario(
        vm=vm_file("real", '"first-high.elf"', 0, 0),
        files={"first-high.elf": executable(entry, bytes(memory))},
        stops={"first": "hlt"},
        state={"first": control(CR0_ET, 0, 0) | real_code(entry) | segments(0, 0xFFFF, DATA)
               | {"rcx": selector}},
        exits=[("hlt", entry - (selector << 4) + len(mov_cx_cs))])


@scenario("first-protected")
def first_protected(nonce: int, seed: int) -> Scenario:
    cr0 = CR0_ET | CR0_PE
    return Scenario(
        vm=vm_file("protected", '"first.32.elf"', nonce, seed),
        stops={"first": "hlt"},
        state={"first": control(cr0, 0, 0) | code(8, 0, 0xFFFFFFFF, CODE | FLAT)
               | segments(16, 0xFFFFFFFF, DATA | FLAT) | observed(cr0, 0, 16, 8, nonce, seed)},
        exits=[("hlt", "first.32.elf:done")])


@scenario("first-long")
def first_long(nonce: int, seed: int) -> Scenario:
    cr0 = CR0_ET | CR0_PE | CR0_PG
    return Scenario(
        vm=vm_file("long", '"first.64.elf"', nonce, seed),
        stops={"first": "hlt"},
        state={"first": control(cr0, CR4_PAE, EFER_LME | EFER_LMA)
               | code(8, 0, 0xFFFFFFFF, CODE | SEG_L | SEG_G)
               | segments(16, 0xFFFFFFFF, DATA | FLAT)
               | observed(cr0, CR4_PAE, 16, 8, nonce, seed)},
        exits=[("hlt", "first.64.elf:done")])

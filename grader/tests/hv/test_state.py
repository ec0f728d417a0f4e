"""The state inventory: every register of hv/core/state.def stays with its VM."""

from __future__ import annotations

import re

from hv.conftest import ROOT, Machine, observations, vm

M64 = 2**64
FNV = 0x100000001b3
BASIS = 0xcbf29ce484222325

# name -> (bits that are fixed, bits that come from the seed), as in guest/state.64.c
LOW = 2**47 - 1
ITEMS = {
    "xcr0": (3, 4), "seg[HV_ES]": (16, 8), "seg[HV_SS]": (16, 8), "seg[HV_DS]": (16, 0x28),
    "seg[HV_FS]": (0, LOW), "seg[HV_GS]": (0, LOW), "seg[HV_LDTR]": (128, 16),
    "seg[HV_TR]": (160, 16), "idtr": (0xfff, LOW & ~0xffff), "gdtr": (0xbf, 0x300),
    "cr0": (0x80000011, 1 << 1 | 1 << 16 | 1 << 18), "cr2": (0, M64 - 1),
    "cr4": (0x40620, 1 << 2 | 1 << 3 | 1 << 7), "cr8": (0, 15), "dr[0]": (0, LOW),
    "dr[1]": (0, LOW), "dr[2]": (0, LOW), "dr[3]": (0, LOW), "dr6": (0xffff0ff0, 0x600f),
    "dr7": (0x400, 0x300), "efer": (0x500, 0x801), "star": (0, M64 - 1), "lstar": (0, LOW),
    "cstar": (0, LOW), "sfmask": (0, 2**32 - 1), "kernel_gs_base": (0, LOW),
    "sysenter_cs": (0, 0xffff), "sysenter_esp": (0, LOW), "sysenter_eip": (0, LOW),
    "pat": (0x0006040600060406, 0x0100000001000000), "tsc_aux": (0, 2**32 - 1),
    "rflags": (2, 0x8d5), "mxcsr": (0x1f80, 0xe000), "fcw": (0x7f, 0xf00),
}
GPRS = [f"gpr[HV_{name}]" for name in (
    "RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15".split())]
# A guest can't choose these, or sees them only by running at all; the self-test sets them.
UNSEEN = {"gpr[HV_RAX]", "gpr[HV_RSP]", "rip", "seg[HV_CS]", "cr3", "tsc_offset",
          "interrupt_shadow", "nmi_blocked", "pending"}


def inventory() -> set[str]:
    """The items of state.def."""
    text = (ROOT / "hv/core/state.def").read_text(encoding="utf-8")
    return set(re.findall(r"^STATE\((.+?),", text, re.MULTILINE))


def value_of(name: str, seed: int) -> int:
    value = BASIS ^ seed
    for byte in name.encode():
        value = (value ^ byte) * FNV % M64
    return value


def expected(seed: int) -> dict[str, int]:
    values = {name: fixed | (value_of(name, seed) & mask) for name, (fixed, mask) in ITEMS.items()}
    values |= {name: value_of(name, seed) for name in GPRS if name not in UNSEEN}
    pattern = value_of("xsave", seed)
    digest = BASIS
    for register in range(16):
        for byte in range(16):
            digest = (digest ^ ((pattern >> byte % 8 * 8) + register & 0xff)) * FNV % M64
    return values | {"xsave": digest}


def disagreeing_seeds() -> tuple[int, int]:
    """Two seeds whose values differ in every item."""
    first = expected(1)
    for seed in range(2, 100000):
        if all(value != first[name] for name, value in expected(seed).items()):
            return 1, seed
    raise AssertionError("no seed disagrees in every item")


def test_two_guests_keep_what_they_disagree_in(machine: Machine) -> None:
    seeds = disagreeing_seeds()
    result = machine.run("".join(
        vm(f"vm{seed}", "state.64", memory="2M", args=f"{seed} 5") for seed in seeds))
    for channel, seed in zip("AB", seeds):
        seen = {name: int(value, 16)
                for name, value in observations(result.channels[channel]).items()}
        assert seen == expected(seed)
        assert inventory() <= seen.keys() | UNSEEN


def test_the_hypervisor_keeps_every_item_of_two_vms(machine: Machine) -> None:
    result = machine.run(vm("a", "hello.64"), "selftest=state")
    kept = re.findall(r"^selftest state (\S+) (\w+)$", result.console, re.MULTILINE)
    assert dict(kept) == {item: "kept" for item in inventory()}
    assert result.status == 0

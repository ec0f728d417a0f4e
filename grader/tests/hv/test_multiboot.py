"""What a multiboot loader asks of hv32.elf. GRUB is the strictest: it looks for the entry point
among the virtual addresses, and QEMU is content with that.
"""

from __future__ import annotations

import struct

from elftools.elf.elffile import ELFFile  # type: ignore[import-untyped]

from hv.conftest import BUILD, Machine, vm

MAGIC = 0x1BADB002


def test_header_and_entry_point() -> None:
    path = BUILD / "hv32.elf"
    words = struct.unpack("<2048I", path.read_bytes()[:8192])  # 3.1: within 8 KiB, aligned to 4
    at = words.index(MAGIC)
    assert sum(words[at:at + 3]) % 2**32 == 0
    with path.open("rb") as file:
        elf = ELFFile(file)
        entry = elf["e_entry"]
        segments = list(elf.iter_segments("PT_LOAD"))
    assert any(s["p_vaddr"] <= entry < s["p_vaddr"] + s["p_filesz"] and s["p_flags"] & 1
               for s in segments)
    assert min(s["p_paddr"] for s in segments) == 0x100000


def test_many_modules_keep_their_names(machine: Machine) -> None:
    kernels = ("hello.64", "canary.64", "forger.64")
    result = machine.run("".join(vm(f"vm{n}", kernel, memory="2M", args="0 0")
                                 for n, kernel in enumerate(kernels)))
    assert result.status == 0
    assert [channel in result.channels for channel in "ABC"] == [True] * 3

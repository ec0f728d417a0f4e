"""Kernels for multiboot boot loaders, in all the shapes that their files may have."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile  # type: ignore[import-untyped]

from hv.conftest import BUILD, Machine, observations

MAGIC = 0x1BADB002
ADDRESS_FIELDS = 1 << 16
HIGH = 0xFFFFFFFF80000000  # where a kernel may be linked, though it is loaded elsewhere

Segment = tuple[int, bytes, int]  # address, contents, size in memory


def segments(guest: str = "multiboot.32") -> tuple[int, list[Segment]]:
    """The entry point of a tiny guest, and what is to be loaded."""
    with (BUILD / f"guest/{guest}.elf").open("rb") as file:
        elf = ELFFile(file)
        return elf["e_entry"], [(s["p_paddr"], s.data(), s["p_memsz"])
                                for s in elf.iter_segments("PT_LOAD") if s["p_memsz"]]


def elf32() -> bytes:
    return (BUILD / "guest/multiboot.32.elf").read_bytes()


def elf64() -> bytes:
    """The same as an ELF64 file, linked high: the entry point is a virtual address."""
    entry, parts = segments()
    offset = at = 64 + 56 * len(parts)
    headers, contents = b"", b""
    for address, data, size in parts:
        headers += struct.pack("<IIQQQQQQ", 1, 7, at, HIGH + address, address, len(data), size, 1)
        contents += data
        at += len(data)
    header = struct.pack("<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 2, 62, 1, HIGH + entry, 64,
                         0, 0, 64, 56, len(parts), 0, 0, 0)
    assert offset % 4 == 0  # or the multiboot header, first in .text, would not be found
    return header + headers + contents


def with_address_fields(file: bytes) -> bytes:
    """The file with flag 16 set, so that the address fields count, which the guest has anyway."""
    at = next(at for at in range(0, 8192, 4) if file[at:at + 4] == struct.pack("<I", MAGIC))
    flags = ADDRESS_FIELDS | 3
    return (file[:at + 4] + struct.pack("<II", flags, -(MAGIC + flags) & 0xFFFFFFFF)
            + file[at + 12:])


def flat() -> bytes:
    """No format at all: some bytes that are not to be loaded, and then the guest."""
    _, parts = segments()
    start = min(address for address, _, _ in parts)
    image = bytearray(max(address + len(data) for address, data, _ in parts) - start)
    for address, data, _ in parts:
        image[address - start:address - start + len(data)] = data
    return with_address_fields(b"\xcc" * 1000 + bytes(image))


KERNELS = {
    "elf32": elf32,
    "elf64": elf64,
    "flat": flat,
    "elf32-addresses": lambda: with_address_fields(elf32()),
}

MODULES = {"one": b"hello module\n", "empty": b"", "big": bytes(range(251)) * 40}
TEXTS = {"one": "one  a=b, and more", "empty": "empty", "big": ""}
VM = """vm "foreign" {
    kernel "kernel"
    memory 5M
    cmdline "console=com0  quiet, x=y"
    module "one" "one  a=b, and more"
    module "empty"
    module "big" ""
}
"""


def checksum(data: bytes) -> int:
    """What guest/multiboot.32.c computes of a module."""
    value = 0
    for byte in data:
        value = (value * 31 + byte) % 2**32
    return value


def numbers(seen: dict[str, str], prefix: str, parts: tuple[str, ...]) -> list[tuple[int, ...]]:
    """[(start, length, type), ...] from mmap0.start=..., and so on."""
    count = len([key for key in seen if key.startswith(prefix) and key.endswith(parts[0])])
    return [tuple(int(seen[f"{prefix}{n}.{part}"], 16) for part in parts) for n in range(count)]


def expect_machine_state(seen: dict[str, str]) -> None:
    assert seen["magic"] == "0x2badb002"
    assert int(seen["eflags"], 16) & (1 << 9 | 1 << 17) == 0  # IF, VM
    assert int(seen["cr0"], 16) & (1 << 31 | 1) == 1  # PG, PE
    assert seen["bss"] == "0x0"
    assert (seen["timer"], seen["masks"]) == ("0x36", "0xffff")  # as a BIOS leaves them


def expect_information(seen: dict[str, str]) -> None:
    assert int(seen["flags"], 16) == 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12
    assert seen["cmdline"] == "console=com0  quiet, x=y"
    assert seen["loader"] == "Nestling"
    assert (int(seen["lower"], 16), int(seen["upper"], 16)) == (639, 4096)
    assert numbers(seen, "mmap", ("start", "length", "type")) == [
        (0, 0x9FC00, 1), (0x9FC00, 0x400, 2), (0xF0000, 0x10000, 2), (0x100000, 0x400000, 1)]
    screen = tuple(int(seen[key], 16) for key in ("screen", "pitch", "columns", "rows", "bpp",
                                                  "text"))
    assert screen == (0xB8000, 160, 80, 25, 16, 2)


def expect_modules(seen: dict[str, str]) -> None:
    modules = numbers(seen, "module", ("start", "size", "sum"))
    assert [module[1:] for module in modules] == [(len(data), checksum(data))
                                                  for data in MODULES.values()]
    assert [seen[f"module{n}.text"] for n in range(3)] == list(TEXTS.values())
    starts = [start for start, _, _ in modules]
    assert all(start >= 0x100000 and start % 4096 == 0 for start in starts)
    assert starts == sorted(set(starts))


@pytest.mark.parametrize("shape", KERNELS)
def test_a_multiboot_kernel_is_told_everything(machine: Machine, shape: str,
                                               tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(KERNELS[shape]())
    for name, data in MODULES.items():
        (tmp_path / name).write_bytes(data)
    result = machine.run(VM, search=[tmp_path])
    assert result.status == 0, result.console
    seen = observations(result.channels["A"])
    expect_machine_state(seen)
    expect_information(seen)
    expect_modules(seen)


def test_a_kernel_climbs_into_long_mode_by_itself(machine: Machine) -> None:
    result = machine.run('vm "climb" { kernel "climb.64.elf" memory 8M }')
    seen = observations(result.channels["A"])
    assert result.status == 0, result.console
    xsave = {"osxsave": "0x1", "components": "0x3", "sizes": "0x1", "xcr0": "0x1"}
    assert seen == {
        "magic": "0x2badb002", "flags": "0x1245", "cr0": "0x80000011", "cr4": "0x20", "lm": "0x1",
        "efer": "0x500", "nx": "0x1", "efer.written": "0x1", "efer.back": "0x500",
        "xsave": "0x1", "osxsave.before": "0x0", **xsave, "wbinvd": "0x1", "invd": "0x1"}


def bzimage() -> bytes:
    """guest/linux.32.S behind a setup header (Linux, Documentation/arch/x86/boot.rst)."""
    _, [(_, code, _)] = segments("linux.32")
    setup = bytearray(3 * 512)
    setup[0x1F1] = 2
    struct.pack_into("<HBB4sH", setup, 0x1FE, 0xAA55, 0xEB, 0x66, b"HdrS", 0x20C)
    setup[0x211] = 1  # LOADED_HIGH
    struct.pack_into("<I", setup, 0x214, 0x100000)  # code32_start
    struct.pack_into("<I", setup, 0x22C, 0x1FFFFF)  # initrd_addr_max
    struct.pack_into("<I", setup, 0x238, 255)  # cmdline_size
    return bytes(setup) + code


def test_a_kernel_in_linux_format_gets_its_parameters(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "bzImage").write_bytes(bzimage())
    (tmp_path / "initrd").write_bytes(b"root's files")
    result = machine.run('vm "l" { kernel "bzImage" cmdline "root=x  y" module "initrd" }',
                         search=[tmp_path])
    assert result.status == 0, result.console
    assert result.channels["A"] == "c=root=x  y\nr=root's files\nm=3\ne=4\n"


def test_the_vm_file_overrules_the_kernel(machine: Machine) -> None:
    """With `mode`, a multiboot kernel is a plain ELF file: nobody puts a magic number in EAX."""
    result = machine.boot('vm "plain" { kernel "multiboot.32.elf" mode protected exits 1 '
                          'cmdline "x" }')
    assert "is none that could be told of a cmdline or modules" in result.console
    assert "vm plain stopped reason=exits " in result.console
    assert "rax=0x2badb002" not in result.console


@pytest.mark.parametrize("file, sentence", [
    (struct.pack("<III", MAGIC, 1 << 4, -(MAGIC + (1 << 4)) & 0xFFFFFFFF),
     "its multiboot header requires something that Multiboot 0.6.96 does not know"),
    (b"\0" * 0x1FE + struct.pack("<HBB4sH", 0xAA55, 0xEB, 0x66, b"HdrS", 0x20C) + b"\0" * 0x100,
     "it is a Linux kernel for low memory (zImage); only a bzImage can be loaded"),
    (b"nothing", "it is not an ELF file (for a flat file, say where with `load`)"),
])
def test_a_kernel_that_cannot_be_loaded_is_refused(file: bytes, sentence: str,
                                                   tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(file)
    result = Machine("tcg").run('vm "a" { kernel "kernel" }', search=[tmp_path])
    assert f'vm a: kernel "kernel" can\'t be loaded: {sentence}' in result.console
    assert result.status == 126

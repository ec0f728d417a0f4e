"""The flat disk image: boot sector, loader, hypervisor and modules, ready to boot.

hv/boot/image.h describes the image from the loader's side. This side lays out physical memory,
writes the multiboot 1 information that a boot loader would hand over, and puts everything into
one sparse file.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from elftools.common.exceptions import ELFError  # type: ignore[import-untyped]
from elftools.elf.elffile import ELFFile  # type: ignore[import-untyped]
from elftools.elf.segments import Segment  # type: ignore[import-untyped]

from nestling.errors import UserError

SECTOR = 512
PAGE = 4096
MIB = 1 << 20
HEADS = 16
SECTORS_PER_TRACK = 63
CYLINDER = HEADS * SECTORS_PER_TRACK * SECTOR  # bytes
MAX_PART = 64 * MIB  # of the hypervisor with its .bss, and of all modules together

# As in hv/boot/image.h.
BOOT_BASE = 0x7C00
TABLE_MAGIC = 0x4C54534E
TABLE_HEADER = struct.Struct("<IIIII")  # magic, entry, info, end in KiB, number of loads
TABLE_LOAD = struct.Struct("<III")  # first sector, sectors, physical address

# The multiboot information lies where QEMU puts it, too: above the loader, below the buffer.
INFO_BASE = 0x9000
INFO_LIMIT = 0x10000
INFO = struct.Struct("<IIIIIII16xIIIIII")  # 116 bytes there are; 72 are used
INFO_ROOM = 0x80
MMAP_ROOM = 64 * 24  # for 64 entries of the memory map, written by the loader
MODULE = struct.Struct("<IIII")  # start, end, string, reserved
FLAG_CMDLINE, FLAG_MODULES, FLAG_LOADER_NAME = 1 << 2, 1 << 3, 1 << 9
LOADER_NAME = "Nestling boot sector"


@dataclass(frozen=True)
class Module:
    """A file that the hypervisor gets along; `string` is what it sees as its name."""

    path: Path
    string: str


@dataclass(frozen=True)
class Kernel:
    """The loadable part of an ELF file by physical address."""

    base: int
    data: bytes
    end: int  # first address behind .bss
    entry: int


@dataclass(frozen=True)
class Image:
    """What make_image() made. Bochs wants the geometry; the rest is for people and tests."""

    path: Path
    cylinders: int
    modules: tuple[tuple[int, int], ...]  # physical start and end of each


def round_up(value: int, unit: int) -> int:
    """The smallest multiple of `unit` that is not below `value`."""
    return -(-value // unit) * unit


def physical(entry: int, loads: Sequence[Segment]) -> int:
    """Where an entry point is loaded: as GRUB and QEMU do, from its place in a segment."""
    for load in loads:
        if load["p_vaddr"] <= entry < load["p_vaddr"] + load["p_memsz"]:
            return int(entry - load["p_vaddr"] + load["p_paddr"])
    return entry


def read_kernel(path: Path) -> Kernel:
    """Flatten the PT_LOAD segments of an ELF file by physical address.

    Raises UserError if it is no ELF file or doesn't fit between 1 MiB and 65 MiB.
    """
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            loads = [s for s in elf.iter_segments("PT_LOAD") if s["p_memsz"]]
            parts = [(s["p_paddr"], s.data(), s["p_paddr"] + s["p_memsz"]) for s in loads]
            entry = physical(elf["e_entry"], loads)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; build it with `make`") from None
    except ELFError as error:
        raise UserError(f"{path}: not an ELF file ({error})") from None
    if not parts:
        raise UserError(f"{path}: has nothing to load")
    base = min(start for start, _, _ in parts)
    end = max(end for _, _, end in parts)
    if base < MIB or end > MIB + MAX_PART:
        raise UserError(f"{path}: loads to {base:#x}-{end:#x}; the boot image has room from "
                        f"{MIB:#x} to {MIB + MAX_PART:#x} (is it hv32.elf?)")
    data = bytearray(max(start + len(content) for start, content, _ in parts) - base)
    for start, content, _ in parts:
        data[start - base:start - base + len(content)] = content
    return Kernel(base, bytes(data), end, entry)


def multiboot_info(cmdline: str, modules: Sequence[tuple[int, int, str]]) -> bytes:
    """The multiboot 1 information block for INFO_BASE.

    `modules` are (start, end, string). The loader fills in the memory map and sizes.
    """
    strings_base = INFO_BASE + INFO_ROOM + MMAP_ROOM + len(modules) * MODULE.size
    strings = bytearray()

    def string(text: str) -> int:
        address = strings_base + len(strings)
        strings.extend(text.encode() + b"\0")
        return address

    mods = b"".join(MODULE.pack(start, end, string(text), 0) for start, end, text in modules)
    mmap = INFO_BASE + INFO_ROOM
    info = INFO.pack(FLAG_CMDLINE | FLAG_MODULES | FLAG_LOADER_NAME,
                     0, 0,  # mem_lower, mem_upper: the loader's
                     0,  # boot_device
                     string(cmdline), len(modules), mmap + MMAP_ROOM,
                     MMAP_ROOM, mmap,
                     0, 0, 0,  # drives, config_table
                     string(LOADER_NAME))
    block = info.ljust(INFO_ROOM + MMAP_ROOM, b"\0") + mods + strings
    if len(block) > INFO_LIMIT - INFO_BASE:
        raise UserError("the command line and the names of the modules are too long for the image")
    return block


def load_table(entry: int, end: int, loads: Sequence[tuple[int, int, int]]) -> bytes:
    """The sector that tells the loader what to load; `loads` are (offset, bytes, address)."""
    table = TABLE_HEADER.pack(TABLE_MAGIC, entry, INFO_BASE, round_up(end, 1024) // 1024,
                              len(loads))
    for offset, size, address in loads:
        table += TABLE_LOAD.pack(offset // SECTOR, round_up(size, SECTOR) // SECTOR, address)
    return table.ljust(SECTOR, b"\0")


def read_boot_sector(path: Path) -> bytes:
    """Boot sector and loader, checked. Raises UserError if the file can't be them."""
    try:
        boot = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; build it with `make`") from None
    if len(boot) <= SECTOR or len(boot) % SECTOR or boot[510:512] != b"\x55\xaa":
        raise UserError(f"{path}: not a boot sector with its loader")
    if BOOT_BASE + len(boot) + SECTOR > INFO_BASE:
        raise UserError(f"{path}: {len(boot)} bytes; the loader runs into {INFO_BASE:#x}")
    return boot


def place_modules(modules: Sequence[Module], base: int) -> list[tuple[int, int, str]]:
    """Start, end and string of each module, each on a page of its own from `base` on."""
    placed = []
    for module in modules:
        try:
            size = module.path.stat().st_size
        except OSError as error:
            raise UserError(f"{module.path}: {error.strerror}") from None
        placed.append((base, base + size, module.string))
        base = round_up(base + size, PAGE)
    if placed and placed[-1][1] - placed[0][0] > MAX_PART:
        raise UserError(f"the modules are larger than {MAX_PART // MIB} MiB together")
    return placed


def write_sparse(file: BinaryIO, offset: int, data: bytes) -> None:
    """Write `data` at `offset`, leaving holes for pages of zeros."""
    zeros = bytes(PAGE)
    for start in range(0, len(data), PAGE):
        piece = data[start:start + PAGE]
        if piece != zeros[:len(piece)]:
            file.seek(offset + start)
            file.write(piece)


def make_image(out: Path, hv: Path, bootsect: Path, cmdline: str,
               modules: Sequence[Module]) -> Image:
    """Write the disk image `out`, of whole cylinders, sparse.

    The hypervisor finds its command line as QEMU's `-kernel` passes it: the file name of `hv`,
    a space, `cmdline`. Raises UserError for files that are missing or don't fit.
    """
    boot = read_boot_sector(bootsect)
    kernel = read_kernel(hv)
    modules_base = round_up(kernel.end, PAGE)
    placed = place_modules(modules, modules_base)
    info = multiboot_info(f"{hv.name} {cmdline}".rstrip(), placed)
    end = placed[-1][1] if placed else kernel.end

    info_offset = round_up(len(boot) + SECTOR, PAGE)
    kernel_offset = round_up(info_offset + len(info), PAGE)
    modules_offset = round_up(kernel_offset + len(kernel.data), PAGE)
    loads = [(info_offset, len(info), INFO_BASE), (kernel_offset, len(kernel.data), kernel.base)]
    if placed:
        loads.append((modules_offset, end - modules_base, modules_base))
    size = round_up(modules_offset + end - modules_base, CYLINDER) if placed else round_up(
        modules_offset, CYLINDER)
    try:
        with out.open("wb") as file:
            file.truncate(size)
            file.write(boot + load_table(kernel.entry, end, loads))
            write_sparse(file, info_offset, info)
            write_sparse(file, kernel_offset, kernel.data)
            for module, (start, _, _) in zip(modules, placed):
                write_sparse(file, modules_offset + start - modules_base,
                             module.path.read_bytes())
    except OSError as error:
        raise UserError(f"{error.filename or out}: {error.strerror}") from None
    return Image(out, size // CYLINDER, tuple((start, stop) for start, stop, _ in placed))

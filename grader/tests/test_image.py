"""image.py: the disk image as the loader will find it."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from nestling import cli_image, image
from nestling.errors import UserError
from nestling.image import Module, make_image, read_kernel

BOOT = Path(__file__).resolve().parents[2] / "hv" / "boot"
BASE = 0x100000
TEXT = bytes(range(256)) * 20  # more than a page, and no multiple of one
END = BASE + 0x12345


def elf32(segments: list[tuple[int, bytes, int]], entry: int = 0x80000000 + BASE + 0xC) -> bytes:
    """A 32-bit ELF file; segments are (physical address, bytes, size in memory)."""
    offset = 52 + 32 * len(segments)
    headers, contents = b"", b""
    for address, data, size in segments:
        headers += struct.pack("<IIIIIIII", 1, offset + len(contents), address | 0x80000000,
                               address, len(data), size, 7, 4096)
        contents += data
    ident = b"\x7fELF\1\1\1" + bytes(9)
    return ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, entry, 52, 0, 0, 52, 32,
                               len(segments), 40, 0, 0) + headers + contents


@pytest.fixture(name="files")
def files_fixture(tmp_path: Path) -> Path:
    """hv32.elf, a boot sector, and two modules."""
    (tmp_path / "hv32.elf").write_bytes(
        elf32([(BASE, TEXT, len(TEXT)), (BASE + 0x2000, b"data", 0x12345 - 0x2000)]))
    (tmp_path / "bootsect.bin").write_bytes(bytes(510) + b"\x55\xaa" + b"L" * 512)
    (tmp_path / "one.vm").write_bytes(b"vm one")
    (tmp_path / "two.elf").write_bytes(b"2" * 5000)
    return tmp_path


def make(files: Path, *names: str, cmdline: str = "trace=exits") -> tuple[image.Image, bytes]:
    """The image of the files, and its bytes."""
    made = make_image(files / "disk.img", files / "hv32.elf", files / "bootsect.bin", cmdline,
                      [Module(files / name, name) for name in names])
    return made, (files / "disk.img").read_bytes()


class Memory:
    """What the loader makes of an image."""

    def __init__(self, disk: bytes, table: int) -> None:
        (magic, self.entry, self.info, self.end_kib,
         count) = struct.unpack_from("<IIIII", disk, table)
        assert magic == 0x4C54534E
        assert count * 12 + 20 <= 512
        self.bytes = bytearray(BASE * 2)
        for index in range(count):
            lba, sectors, address = struct.unpack_from("<III", disk, table + 20 + 12 * index)
            data = disk[lba * 512:(lba + sectors) * 512]
            assert len(data) == sectors * 512
            self.bytes[address:address + len(data)] = data

    def word(self, address: int) -> int:
        return int(struct.unpack_from("<I", self.bytes, address)[0])

    def string(self, address: int) -> str:
        return self.bytes[address:self.bytes.index(0, address)].decode()


def test_the_loader_finds_everything(files: Path) -> None:
    made, disk = make(files, "one.vm", "two.elf")
    assert disk[:1024] == (files / "bootsect.bin").read_bytes()
    memory = Memory(disk, 1024)
    assert memory.entry == BASE + 0xC
    assert memory.bytes[BASE:BASE + len(TEXT)] == TEXT
    assert memory.bytes[BASE + 0x2000:BASE + 0x2004] == b"data"

    info = memory.info
    assert info + 116 <= image.INFO_LIMIT
    flags = memory.word(info)
    assert flags & (1 << 2) and flags & (1 << 3) and not flags & (1 << 6 | 1 << 0)
    assert memory.string(memory.word(info + 16)) == "hv32.elf trace=exits"
    assert memory.word(info + 20) == 2
    modules = memory.word(info + 24)
    first, second = [[memory.word(modules + 16 * n + 4 * k) for k in range(3)] for n in (0, 1)]
    assert first[0] >= END and first[0] % 4096 == 0 and second[0] % 4096 == 0
    assert second[0] >= first[1]
    assert memory.bytes[first[0]:first[1]] == b"vm one"
    assert memory.bytes[second[0]:second[1]] == b"2" * 5000
    assert [memory.string(module[2]) for module in (first, second)] == ["one.vm", "two.elf"]
    assert memory.end_kib * 1024 >= second[1]
    assert made.modules == ((first[0], first[1]), (second[0], second[1]))
    assert memory.string(memory.word(info + 64)) == image.LOADER_NAME


def test_room_for_the_memory_map(files: Path) -> None:
    memory = Memory(make(files, "one.vm")[1], 1024)
    length, start = memory.word(memory.info + 44), memory.word(memory.info + 48)
    assert length >= 24 * 32
    assert not any(memory.bytes[start:start + length])
    others = [memory.word(memory.info + offset) for offset in (16, 24, 64)]
    assert all(not start <= other < start + length for other in others)
    assert start >= memory.info + 116


def test_whole_cylinders(files: Path) -> None:
    made, disk = make(files, "one.vm")
    assert len(disk) == made.cylinders * 16 * 63 * 512 == made.cylinders * 516096
    assert made.cylinders == 1


def test_no_modules(files: Path) -> None:
    memory = Memory(make(files)[1], 1024)
    assert memory.word(memory.info + 20) == 0
    assert memory.end_kib == -(-END // 1024)


def test_no_words(files: Path) -> None:
    memory = Memory(make(files, cmdline="")[1], 1024)
    assert memory.string(memory.word(memory.info + 16)) == "hv32.elf"


def test_the_image_is_sparse(files: Path) -> None:
    with (files / "big.bin").open("wb") as file:
        file.truncate(40 << 20)
    made, _ = make(files, "big.bin")
    status = (files / "disk.img").stat()
    assert status.st_size > 40 << 20
    assert status.st_blocks * 512 < 1 << 20
    assert made.cylinders == status.st_size // 516096


def test_an_old_image_does_not_shine_through(files: Path) -> None:
    (files / "disk.img").write_bytes(b"\xff" * 2_000_000)
    _, disk = make(files)
    assert b"\xff\xff" not in disk[8192:].replace(TEXT, b"")


def test_bss_decides_where_modules_go(files: Path) -> None:
    (files / "hv32.elf").write_bytes(elf32([(BASE, b"code", 0x500000)]))
    made, disk = make(files, "one.vm")
    assert made.modules[0][0] == BASE + 0x500000
    assert len(disk) == 516096  # .bss takes no room on the disk


@pytest.mark.parametrize("segments, message", [
    ([(0x8000, b"x", 1)], "has room from 0x100000"),
    ([(BASE, b"x", 65 << 20)], "has room from 0x100000"),
    ([(0xFFFFF000, b"x", 1)], "is it hv32.elf"),
    ([], "nothing to load"),
])
def test_kernels_that_do_not_fit(files: Path, segments: list[tuple[int, bytes, int]],
                                 message: str) -> None:
    (files / "hv32.elf").write_bytes(elf32(segments))
    with pytest.raises(UserError, match=message):
        make(files)


def test_modules_that_do_not_fit(files: Path) -> None:
    for name in ("a", "b"):
        with (files / name).open("wb") as file:
            file.truncate(33 << 20)
    make(files, "a")
    with pytest.raises(UserError, match="larger than 64 MiB"):
        make(files, "a", "b")


def test_a_command_line_that_does_not_fit(files: Path) -> None:
    with pytest.raises(UserError, match="too long"):
        make(files, cmdline="x" * 40000)


@pytest.mark.parametrize("content", [b"", b"\x55\xaa" * 256, bytes(1024), bytes(510) + b"\x55\xaa",
                                     bytes(510) + b"\x55\xaa" + bytes(100),
                                     bytes(510) + b"\x55\xaa" + bytes(512 * 20)])
def test_what_is_no_boot_sector(files: Path, content: bytes) -> None:
    (files / "bootsect.bin").write_bytes(content)
    with pytest.raises(UserError, match="bootsect.bin"):
        make(files)


@pytest.mark.parametrize("name", ["hv32.elf", "bootsect.bin", "one.vm"])
def test_missing_files_are_named(files: Path, name: str) -> None:
    (files / name).unlink()
    with pytest.raises(UserError, match=name):
        make(files, "one.vm")


def test_not_an_elf_file(files: Path) -> None:
    (files / "hv32.elf").write_bytes(b"#!/bin/sh\n" * 100)
    with pytest.raises(UserError, match="not an ELF file"):
        read_kernel(files / "hv32.elf")


def test_both_sides_agree_on_the_layout() -> None:
    """image.h and image.py say the same."""
    header = (BOOT / "image.h").read_text()
    value = {name: int(number, 0) for name, number in
             re.findall(r"^#define\s+(\w+)\s+(0x[0-9a-f]+|\d+)\b", header, re.MULTILINE)}
    assert value["BOOT_BASE"] == image.BOOT_BASE
    assert value["SECTOR_SIZE"] == image.SECTOR
    assert value["TABLE_MAGIC_VALUE"] == image.TABLE_MAGIC
    assert value["TABLE_LOADS"] == image.TABLE_HEADER.size
    assert value["LOAD_SIZE"] == image.TABLE_LOAD.size
    assert [value[f"TABLE_{name}"] for name in ("MAGIC", "ENTRY", "INFO", "END", "COUNT")] == [
        0, 4, 8, 12, 16]
    assert [value[f"LOAD_{name}"] for name in ("LBA", "SECTORS", "ADDRESS")] == [0, 4, 8]
    assert value["BUFFER_BASE"] >= image.INFO_LIMIT
    assert f"{image.INFO_BASE:#x}" in (BOOT / "bootsect.ld").read_text()


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_real_boot_sector(tmp_path: Path, compiler: str) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    for name in ("bootsect", "loader"):
        subprocess.run([compiler, "-m32", "-c", "-o", tmp_path / f"{name}.o",
                        BOOT / f"{name}.S"], check=True)
    out = tmp_path / "bootsect.bin"
    subprocess.run(["ld", "-m", "elf_i386", "-T", BOOT / "bootsect.ld", "-o", out,
                    tmp_path / "bootsect.o", tmp_path / "loader.o"], check=True)
    boot = image.read_boot_sector(out)
    packet = boot.index(struct.pack("<BB", 16, 0) + struct.pack("<HHH", len(boot) // 512,
                                                                0x7E00, 0) + struct.pack("<Q", 1))
    assert packet < 512  # it reads the loader and the load table behind it


def test_the_command(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-o", str(files / "out.img"), "--hv", str(files / "hv32.elf"),
             "--bootsect", str(files / "bootsect.bin"), "--cmdline", "a b"]
    assert cli_image.main([*words, str(files / "one.vm")]) == 0
    assert "cylinders=1" in capsys.readouterr().out
    memory = Memory((files / "out.img").read_bytes(), 1024)
    assert memory.string(memory.word(memory.info + 16)) == "hv32.elf a b"
    assert cli_image.main([*words, str(files / "no.vm")]) == 2
    assert re.fullmatch(r"mkimage: .*no\.vm: No such file or directory\n", capsys.readouterr().err)


def test_a_vm_file_brings_its_files(tmp_path: Path) -> None:
    guests = tmp_path / "guests"
    guests.mkdir()
    vm, own, built = tmp_path / "two.vm", tmp_path / "own.elf", guests / "hello.elf"
    vm.write_text('vm "a" { kernel "own.elf" }\nvm "b" { kernel "hello.elf" }\n')
    own.write_bytes(b"")
    built.write_bytes(b"")
    assert list(cli_image.gather([vm], [guests])) == [vm, own, built]
    assert list(cli_image.gather([vm, own], [guests])) == [vm, built, own]
    own.unlink()
    with pytest.raises(UserError, match="own.elf"):
        list(cli_image.gather([vm], [guests]))

"""Kernels that nobody here wrote, from Debian's packages: as far as they get without a disk.

`scripts/kernels` gets them. tcg runs all of them; on Bochs, which is slow, GNU Mach stands for the
others.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from hv.conftest import BUILD, Machine
from nestling.emulator import Live, Reason, Result

CLEAR = "\x1b[2J"
LATER_TEST = re.compile(r"#[1-9] +\[\w")  # memtest's, on its screen
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def fetched(name: str) -> bytes:
    """A kernel; the test is skipped if it is not here."""
    path = BUILD / "kernels" / name
    if not path.is_file():
        pytest.skip(f"{name} is not here; `scripts/kernels` fetches it")
    return path.read_bytes()


def start(machine: Machine, folder: Path, kernel: bytes, settings: str, live: Live = Live()
          ) -> Result:
    """Boot a VM with this kernel, which goes on until its budget is used up, or it halts."""
    (folder / "kernel").write_bytes(kernel)
    result = machine.boot(f'vm "k" {{ kernel "kernel" {settings} }}', search=[folder], live=live)
    assert result.reason in (Reason.ENDED, Reason.STOPPED), f"{result.detail}\n{result.console}"
    return result


def screen(result: Result) -> list[str]:
    """What was on the VM's screen at its end."""
    return re.findall(r"^vm k screen: (.*)$", result.console, re.MULTILINE)


def test_the_example_of_the_multiboot_specification(tmp_path: Path) -> None:
    """It shows what it was told. (Down the diagonal it paints, as it has a framebuffer.)"""
    kernel = fetched("multiboot-example")
    (tmp_path / "one.txt").write_text("1")
    result = start(Machine("tcg"), tmp_path, kernel,
                   'memory 16M cmdline "some words" module "one.txt" "a string"')
    lines = [line.replace("\\", "?") for line in screen(result)]
    assert [number for number, line in enumerate(lines[:4])
            if line[number] == "?"] == [0, 1, 2, 3]
    shown = "\n".join(lines)
    assert "m?m_lower = 639KB, mem_upper = 15360KB" in shown
    assert "cm?line = some words" in shown
    assert "mod?_count = 1" in shown
    assert re.search("mod.start = 0x105000, mod_end = 0x105001, cmdline = a string", shown)
    assert "vm k stopped reason=halt" in result.console


@pytest.mark.parametrize("elf", ["elf64", "elf32"])
def test_gnu_mach_asks_for_its_bootstrap(machine: Machine, elf: str, tmp_path: Path) -> None:
    """It climbs into long mode by itself, sets up timers, reads the clock; then it has no more."""
    if elf == "elf32" and machine.platform.key != "tcg":
        pytest.skip("once is enough")
    kernel = fetched("gnumach")
    if elf == "elf32":
        (tmp_path / "elf64").write_bytes(kernel)
        subprocess.run(["objcopy", "-O", "elf32-i386", tmp_path / "elf64", tmp_path / "elf32"],
                       check=True)
        kernel = (tmp_path / "elf32").read_bytes()
    said: list[str] = []
    end = "No bootstrap code loaded with the kernel!"
    start(machine, tmp_path, kernel, 'memory 32M cmdline "console=com0" budget 300000000',
          Live(lambda channel, text: said.append(text), stop=lambda: end in "".join(said)))
    text = "".join(said)
    assert "biosmem: 000000000000100000:000000000002000000, available" in text
    assert "RTC time is 2000-01-01 00:00:" in text
    assert end in text


def test_memtest_finds_nothing_wrong(tmp_path: Path) -> None:
    """In Linux's format. It calibrates with the 8254, and somebody presses Enter at its menu."""
    kernel = fetched("memtest86+x64.bin")
    said: list[str] = []
    reader, writer = os.pipe()

    def listen(channel: str, text: str) -> None:
        was_clear = CLEAR in "".join(said)
        said.append(text)
        if not was_clear and CLEAR in "".join(said):
            os.write(writer, b"\r")

    start(Machine("tcg"), tmp_path, kernel,
          'memory 8M cmdline "console=ttyS0,115200" budget 1000000000',
          Live(listen, reader, lambda: bool(LATER_TEST.search("".join(said)))))
    os.close(reader)
    os.close(writer)
    text = ESCAPES.sub("", "".join(said))
    assert "Memtest86+ v" in text
    assert "1000MHz" in text  # QEMU counts an instruction a nanosecond
    assert re.search(r"Memory *: *8MB", text)
    assert "#0  [Address test, walking ones" in text
    assert LATER_TEST.search(text)
    assert "Errors: 0" in text and not re.search("Errors: [1-9]", text)


def test_invaders_come(tmp_path: Path) -> None:
    """A game with address fields in its header; it moves with the 8254's counts."""
    kernel = fetched("invaders")
    result = start(Machine("tcg"), tmp_path, kernel, "memory 16M budget 100000000")
    assert sum(line.count("-*-") for line in screen(result)) > 20

"""hv/emul beside others: does it decode what Zydis does, and compute what the CPU does?

INSNS=100000 is the long version. The seed is fixed.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile  # type: ignore[import-untyped]

from nestling import build
from nestling.build import Site

ROOT = Path(__file__).parents[2]
SITE = Site(ROOT, os.environ.get("BUILD", "build"))
BUILT = ROOT / SITE.build
INSNS = int(os.environ.get("INSNS", "300"))
GRUB = Path("/usr/lib/grub/i386-pc")


def program(name: str) -> Path:
    """One of grader/unit/insn_*.c, built."""
    goal = f"{SITE.build}/unit/{name}"
    assert build.make(SITE, 1, [goal]) == build.Built()
    return ROOT / goal


def run(name: str, *words: str) -> str:
    """What it says. It must find nothing."""
    done = subprocess.run([program(name), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    return done.stdout


def agreements(table: str) -> dict[str, int]:
    """For each row, `opcode name bits`, the last column."""
    rows = (line.split() for line in table.splitlines()[1:] if not line.startswith("random"))
    return {" ".join(row[:-1]): int(row[-1]) for row in rows}


def test_random_encodings_beside_zydis() -> None:
    found = agreements(run("insn_zydis", str(INSNS)))
    assert len(found) > 200
    assert all(count >= INSNS for count in found.values())


def test_random_instructions_beside_the_cpu() -> None:
    found = agreements(run("insn_cpu", str(INSNS)))
    assert len(found) > 120
    assert all(count >= INSNS for count in found.values())


def text(path: Path) -> bytes:
    """The machine code of an ELF file."""
    with path.open("rb") as file:
        return b"".join(section.data() for section in ELFFile(file).iter_sections("SHT_PROGBITS")
                        if section.name == ".text")


@pytest.mark.parametrize("name, bits, least", [
    ("kernels/gnumach", 64, 50000), ("hv.elf", 64, 10000), ("GRUB", 32, 100000),
])
def test_machine_code_of_others(tmp_path: Path, name: str, bits: int, least: int) -> None:
    """There is no instruction in it that we should know and do not, or see differently."""
    if name == "hv.elf":
        assert build.make(SITE, 1, [f"{SITE.build}/hv.elf"]) == build.Built()
    files = sorted(GRUB.glob("*.mod")) if name == "GRUB" else [BUILT / name]
    if not files or not files[0].is_file():
        pytest.skip(f"{name} is not here; `scripts/kernels` fetches kernels")
    (tmp_path / "text").write_bytes(b"".join(map(text, files)))
    said = run("insn_zydis", "text", str(tmp_path / "text"), str(bits))
    match = re.search(r"instructions: \d+, of which both know (\d+)", said)
    assert match and int(match[1]) >= least, said

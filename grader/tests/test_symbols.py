"""symbols.py, on a program that gcc makes for the occasion."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nestling.errors import UserError
from nestling.symbols import Symbols, symbolize

HEADER = """\
static inline __attribute__((always_inline)) int triple(int n)
{
    return n * 3;
}
"""
SOURCE = """\
#include "core/demo.h"
int counter;
__attribute__((noinline)) int first(int n)
{
    counter += n;
    return triple(counter);
}
__attribute__((noinline)) int second(int n)
{
    return first(n) + 1;
}
__asm__(".skip 64");
"""


@pytest.fixture(name="elf", scope="module", params=["-gdwarf-5", "-gdwarf-4", "-gdwarf-4 no table"])
def elf_fixture(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last is without the table of which unit has which addresses, which clang leaves out."""
    directory = tmp_path_factory.mktemp("symbols")
    (directory / "core").mkdir()
    (directory / "core" / "demo.h").write_text(HEADER)
    (directory / "core" / "demo.c").write_text(SOURCE)
    version, *no_table = request.param.split(maxsplit=1)
    subprocess.run(["gcc", version, "-O0", "-ffreestanding", "-fno-pic", "-no-pie",
                    "-nostdlib", "-static", "-Wl,-Ttext=0x400000,-e,first,--build-id=none",
                    "-I.", "-o", "demo.elf", "core/demo.c"], cwd=directory, check=True)
    if no_table:
        subprocess.run(["objcopy", "--remove-section", ".debug_aranges", "demo.elf"],
                       cwd=directory, check=True)
    return directory / "demo.elf"


def test_there_and_back(elf: Path) -> None:
    symbols = Symbols(elf)
    first = symbols.address("first")
    assert first == 0x400000
    assert symbols.name(first) == "first"
    assert symbols.name(first + 3) == "first+0x3"
    assert symbols.describe(first) == "first core/demo.c:4"
    assert symbols.address("third") is None


def test_lines_follow_the_code(elf: Path) -> None:
    symbols = Symbols(elf)
    first, second = symbols.address("first"), symbols.address("second")
    assert first is not None and second is not None
    places = {symbols.line(address) for address in range(first, second)}
    assert places == {f"core/demo.c:{line}" for line in (4, 5, 6, 7)} | {"core/demo.h:3"}
    assert symbols.line(second) == "core/demo.c:9"


def test_nothing_is_made_up(elf: Path) -> None:
    symbols = Symbols(elf)
    assert symbols.describe(0x100) == ""
    assert symbols.describe(0x7FFF0000) == ""
    second = symbols.address("second")
    assert second is not None
    assert symbols.name(second + 10) == "second+0xa"
    assert symbols.name(second + 60) == ""  # behind its end


def test_a_return_address_belongs_to_the_call(elf: Path) -> None:
    """The address after a function's last call may already be the next function's."""
    symbols = Symbols(elf)
    second = symbols.address("second")
    assert second is not None
    assert symbols.describe(second, is_return=True) == f"first+{second - 0x400000:#x} core/demo.c:7"


def test_a_panic(elf: Path) -> None:
    text = "panic: oh\n  at 0x400006\n  at 0x99\nend status=126\nlook at 0x400006 please\n"
    assert symbolize(text, Symbols(elf)) == (
        "panic: oh\n  at 0x400006  first+0x6 core/demo.c:4\n  at 0x99\nend status=126\n"
        "look at 0x400006 please\n")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        Symbols(tmp_path / "missing").name(1)
    (tmp_path / "text").write_text("no ELF, this")
    with pytest.raises(UserError, match="not an ELF file"):
        Symbols(tmp_path / "text").name(1)


def test_no_debug_information(elf: Path, tmp_path: Path) -> None:
    subprocess.run(["objcopy", "--strip-debug", elf, tmp_path / "bare.elf"], check=True)
    assert Symbols(tmp_path / "bare.elf").describe(0x400003) == "first+0x3"

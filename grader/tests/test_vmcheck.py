"""`scripts/run --check`: what is wrong with a VM file, or what is in it, without booting it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from nestling import cli_run
from nestling.boot import VmFile

ROOT = Path(__file__).parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
SAMPLES = sorted((ROOT / "guest" / "vm").glob("*.vm"))


class Checker:
    """A folder with some kernels, and `run --check` for the VM file in it."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "a.vm"
        self._capfd = capfd
        for name in ("k", "m"):
            (folder / name).write_bytes(b"")

    def check(self, text: str) -> tuple[int, str, str]:
        """Its exit status, its table and its complaint."""
        self.file.write_text(text)
        status = cli_run.main([str(self.file), "--check", "--build", str(BUILD)])
        out, err = self._capfd.readouterr()
        return status, out, err


@pytest.fixture(name="checker")
def checker_fixture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Checker:
    return Checker(tmp_path, capfd)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_are_all_right(path: Path, tmp_path: Path) -> None:
    sample = tmp_path / path.name
    sample.write_bytes(path.read_bytes())
    for name in VmFile.read(path).files:
        if f"kernel {name} " in (ROOT / "scripts" / "kernels").read_text():
            (tmp_path / name).touch()  # whether it has been fetched or not
    assert cli_run.main([str(sample), "--check", "--build", str(BUILD)]) == 0


def test_the_table(checker: Checker) -> None:
    assert checker.check("""
vm "first" { kernel "k" memory 1536K }
vm "b" { kernel "k" memory 1G module "m" "m = 1" module "k" devices { exit serial } }
vm "c" { kernel "k" bare memory 0x11000 }
vm "d" { kernel "k" memory 96G lazy }
""") == (0, """\
vm     memory    kernel  devices      modules
first  1536K     k       all          none
b      1G        k       serial exit  m k
c      68K       k       none         none
d      96G lazy  k       all          none
""", "")


@pytest.mark.parametrize("text, complaint", [
    ("", '1:1: expected "vm", found the end of the file'),
    ('vm "a" {\n\tkernel k\n}', '2:9: expected a file name in quotes, found the word "k"'),
    ('vm "a" {\n\tkernel "k\n}', "2:9: expected a file name in quotes, found a string that does "
     "not end on its line"),
    ('vm "a" { kernel "k" kernel "m" }',
     '1:21: expected kernel only once in a VM, found the word "kernel"'),
    ('vm "a" { kernel "k"\n# more\n  load 0x400000 }',
     "3:3: expected load below 0x400000, the end of memory, found 0x400000"),
    ('vm "a" { kernel "k" }\ninclude "b.vm"\n',
     '2:1: expected "vm", found the word "include": a VM file includes no other'),
    ('vm "a" { kernel "x/k" }', "1:17: expected a file name of letters, digits and . _ + -, "
     'found the string "x/k"'),
    ("".join(f'vm "{n}" {{ kernel "k" }}\n' for n in range(129)),
     '129:1: expected at most 128 VMs, found the word "vm"'),
])
def test_what_is_wrong_and_where(checker: Checker, text: str, complaint: str) -> None:
    assert checker.check(text) == (1, "", f"{checker.file}:{complaint}\n")


@pytest.mark.parametrize("text, complaint", [
    ("#" * 65537, "a.vm: larger than 64 KiB"),
    ('vm "a" { kernel "k" module "k2" } vm "b" { kernel "m" module "m2" }',
     'a.vm: names "k2", "m2", which are in none of: '),
    ('vm "a" { kernel "a.vm" }', 'a.vm: names "a.vm", and is called so itself'),
    ("".join(f'vm "{n}" {{ kernel "k" module "a{n}" module "b{n}" }}\n' for n in range(80)),
     "a.vm: names 161 files; the hypervisor takes 159"),
])
def test_what_the_parser_does_not_see(checker: Checker, text: str, complaint: str) -> None:
    status, out, err = checker.check(text)
    assert (status, out) == (1, "")
    assert complaint in err and err.count("\n") == 1


def test_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_run.main([str(tmp_path / "absent.vm"), "--check"]) == 2
    assert "absent.vm: No such file" in capsys.readouterr().err
    (tmp_path / "a.vm").write_text("")
    assert cli_run.main([str(tmp_path / "a.vm"), "--check", "--build", str(tmp_path)]) == 2
    assert "vmcheck: there is no checker of VM files yet; run `make`" in capsys.readouterr().err


def test_the_reference_has_every_word(tmp_path: Path) -> None:
    """--help shows the comment of vmfile.h, in which no word of vmfile.c is forgotten."""
    header = ROOT / "hv" / "load" / "vmfile.h"
    reference = cli_run.vm_file_reference(header)
    assert cli_run.parser().format_help().endswith(reference)
    assert max(map(len, reference.splitlines())) <= 80
    parser = header.with_suffix(".c").read_text()
    lists = re.findall(r"\*const (?:devices|modes|settings)\[\] = \{(.*?)\}", parser, re.DOTALL)
    words = {word for words in lists for word in re.findall(r'"(\w+)"', words)}
    assert len(words) == 18 + 10 + 3
    assert words <= set(re.findall(r"\w+", reference))
    assert cli_run.vm_file_reference(tmp_path) == ""

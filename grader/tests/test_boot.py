"""boot.py: what a VM file names, and how it gets to the hypervisor."""

from __future__ import annotations

from pathlib import Path

import pytest

from nestling.boot import Options, VmFile, boot, stage
from nestling.emulator import Launch, Limits, Reason
from nestling.errors import UserError
from nestling.image import Module
from nestling.platforms import Job, Platform, Probe

TEXT = """\
# vm "ghost" { kernel "ghost.elf" }
vm "first" {
    kernel "hello.elf"     # kernel "other.elf"
    module "disk # 1.img"
}
vm"second"{kernel"hello.elf"}
"""
TRICKS = r'''
vm "one" {
    cmdline "a kernel" module "m1" "module \" module # a comment between
        "m2" "vm" kernel "k1" cmdline "#" module "m3"
    devices { serial } # "
}
my-vm "no" vm.x "no" vm { "no" xkernel "no"
vm # first a comment
    "two" { kernel "k1" module "m1" "kernel" "no"
'''


class FakePlatform(Platform):
    """Prints the job instead of doing it."""

    key = "fake"
    isa = "svm"

    def __init__(self) -> None:
        self.directory = Path()

    def probe(self) -> Probe:
        return Probe(True, isa="svm")

    def launch(self, job: Job, directory: Path) -> Launch:
        self.directory = directory
        names = " ".join(module.string for module in job.modules)
        return Launch(["sh", "-c", f"echo '{names} | {job.words}'; cat {job.modules[-1].string}; "
                                   "echo; echo end status=5"], directory)


@pytest.fixture(name="build")
def build_fixture(tmp_path: Path) -> Path:
    (tmp_path / "guest").mkdir()
    (tmp_path / "hv32.elf").write_bytes(b"hv")
    (tmp_path / "guest" / "hello.elf").write_bytes(b"tiny guest")
    return tmp_path


def test_what_a_vm_file_names() -> None:
    vm_file = VmFile("a.vm", TEXT)
    assert vm_file.vms == ["first", "second"]
    assert vm_file.files == ["hello.elf", "disk # 1.img"]


def test_names_are_what_follows_on_a_word() -> None:
    vm_file = VmFile("a.vm", TRICKS)
    assert vm_file.vms == ["one", "two"]
    assert vm_file.files == ["m1", "m2", "k1", "m3"]


def test_modules_in_order(build: Path, tmp_path: Path) -> None:
    stage_directory = tmp_path / "stage"
    stage_directory.mkdir()
    modules = stage(VmFile("a.vm", 'vm "x" { kernel "hello.elf" }'), [build / "guest"],
                    stage_directory)
    assert modules == (Module(stage_directory / "a.vm", "a.vm"),
                       Module(stage_directory / "hello.elf", "hello.elf"))
    assert modules[1].path.read_bytes() == b"tiny guest"


def test_the_first_directory_counts(build: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "hello.elf").write_bytes(b"mine")
    result = boot(FakePlatform(), VmFile("a.vm", 'vm "x" { kernel "hello.elf" }'), build, [own])
    assert "mine" in result.console


def test_boot(build: Path) -> None:
    platform = FakePlatform()
    result = boot(platform, VmFile("a.vm", 'vm "x" { kernel "hello.elf" }'), build,
                  options=Options(words="one  two", trace=True), limits=Limits(seconds=5))
    assert (result.reason, result.status) == (Reason.ENDED, 5)
    assert result.console.startswith("a.vm hello.elf | trace=exits one two\ntiny guest\n")
    assert not platform.directory.exists()


@pytest.mark.parametrize("text, message", [
    ('vm "x" { kernel "absent.elf" }', 'names "absent.elf", which is in none of: '),
    ('vm "x" { kernel "with space" }', "file names for the hypervisor"),
    ('vm "x" { kernel "a,b" }', "file names for the hypervisor"),
    ('vm "x" { kernel "../guest/hello.elf" }', "bare file name"),
    ('vm "x" { kernel "hello.elf" module "m1" module "m2" }',
     'names "m1", "m2", which are in none of: '),
    (f'vm "x" {{ kernel "{"x" * 32}" }}', "1 to 31 letters"),
    ('vm "x" { kernel "a.vm" }', 'names "a.vm", and is called so itself'),
    (" ".join(f'vm "{n}" {{ kernel "k{n}" }}' for n in range(160)), "names 160 files"),
])
def test_files_that_cannot_be_staged(build: Path, text: str, message: str) -> None:
    for name in ("with space", "a,b", *(f"k{n}" for n in range(160))):
        (build / "guest" / name).write_bytes(b"x")
    with pytest.raises(UserError, match=message):
        boot(FakePlatform(), VmFile("a.vm", text), build, [build])


@pytest.mark.parametrize("name", ["a.txt", "vm", f"{'a' * 29}.vm", "a b.vm"])
def test_a_vm_file_that_the_hypervisor_would_not_find(build: Path, name: str) -> None:
    with pytest.raises(UserError, match="for the hypervisor|the hypervisor wants"):
        boot(FakePlatform(), VmFile(name, 'vm "x" { kernel "hello.elf" }'), build)


def test_no_hypervisor_yet(build: Path) -> None:
    (build / "hv32.elf").unlink()
    with pytest.raises(UserError, match="run `make`"):
        boot(FakePlatform(), VmFile("a.vm", ""), build)


def test_the_hypervisor_gets_the_very_bytes(build: Path, tmp_path: Path) -> None:
    """Else the places in its messages would be others than those in the file."""
    data = b'vm "x" {\r\n\rkernel "hello.elf" } # \xc3\xa4\n'
    (tmp_path / "a.vm").write_bytes(data)
    (tmp_path / "stage").mkdir()
    modules = stage(VmFile.read(tmp_path / "a.vm"), [build / "guest"], tmp_path / "stage")
    assert modules[0].path.read_bytes() == data


def test_files_that_are_no_vm_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nope.vm: No such file"):
        VmFile.read(tmp_path / "nope.vm")
    (tmp_path / "binary.vm").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a VM file"):
        VmFile.read(tmp_path / "binary.vm")

"""Boot a VM file: gather what it names, start a platform with it, and wait for the end."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nestling.emulator import Limits, Live, Result, run, staging
from nestling.errors import UserError
from nestling.image import Module
from nestling.platforms import Job, Platform

# A comment, a string, a word, or what has no meaning for us.
TOKEN = re.compile(r'#[^\n]*|"(?P<string>[^"\n]*)"|(?P<word>[\w.-]+)|\S', re.ASCII)
MAX_MODULES = 160  # BOOT_MAX_MODULES of hv/boot/multiboot.h
# No space, no comma: QEMU's -initrd splits there. HV_NAME_MAX of hv/api.h is 32.
NAME = re.compile(r"[A-Za-z0-9._+-]{1,31}")


@dataclass(frozen=True)
class VmFile:
    """The text of a VM file, and what the Python side has to know of it.

    hv/load/vmfile.c is the authority for the language; here we only look for names.
    """

    name: str  # as the hypervisor sees it; ends in ".vm"
    text: str

    @classmethod
    def read(cls, path: Path) -> VmFile:
        """Raises UserError if there is no such file, or it is no text."""
        try:
            return cls(path.name, path.read_bytes().decode())  # each byte is a column
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UserError(f"{path}: not a VM file (it is not text)") from None

    def _strings(self, *words: str) -> Iterator[str]:
        """The strings that follow directly on one of these words."""
        before = None
        for token in TOKEN.finditer(self.text):
            if token["string"] is not None and before in words:
                yield token["string"]
            if not token[0].startswith("#"):
                before = token["word"]

    @property
    def vms(self) -> list[str]:
        """The names of the VMs, in their order: VM 1 speaks on channel 'A'."""
        return list(self._strings("vm"))

    @property
    def files(self) -> list[str]:
        """The files that the VMs need, each once."""
        return list(dict.fromkeys(self._strings("kernel", "module", "rom", "disk")))


@dataclass(frozen=True)
class Options:
    """How to run; as Job where the names are the same."""

    words: str = ""  # more words for the hypervisor's command line
    trace: bool = False  # have the hypervisor write its exits to port 0xE9
    witness: bool = False
    memory: int = 256
    model: str = ""
    instructions: int | None = None
    gdb: int | None = None
    interactive: bool = False


def shelves(build: Path) -> list[Path]:
    """Where files of VMs are looked for that don't lie beside the VM file."""
    return [build / "guest", build / "kernels"]


def find_file(name: str, search: Sequence[Path], vm_file: str) -> Path:
    """The file of that name in the first directory that has it."""
    return find_files([name], search, vm_file)[name]


def find_files(names: Sequence[str], search: Sequence[Path], vm_file: str) -> dict[str, Path]:
    """Each name's file in the first directory that has it. Raises UserError for all that lack."""
    found = {name: directory / name for name in names for directory in reversed(search)
             if (directory / name).is_file()}
    missing = [f'"{name}"' for name in names if name not in found]
    if missing:
        where = ", ".join(str(directory) for directory in search)
        raise UserError(f"{vm_file}: names {', '.join(missing)}, "
                        f"which {'is' if len(missing) == 1 else 'are'} in none of: {where}; "
                        "`make` builds the tiny guests, `scripts/kernels` fetches others")
    return {name: found[name] for name in names}


def gather(vm_file: VmFile, search: Sequence[Path]) -> dict[str, Path]:
    """Where the files are that a VM file names. Raises UserError unless all can be booted."""
    names = vm_file.files
    for name in names:
        if "/" in name:
            raise UserError(f'{vm_file.name}: kernel "{name}": please give the bare file name; it '
                            "is looked for beside the VM file, then where the build has kernels")
    for name in (vm_file.name, *names):
        if not NAME.fullmatch(name):
            raise UserError(f"{name!r}: file names for the hypervisor are made of 1 to 31 "
                            "letters, digits and . _ + -")
    if not vm_file.name.endswith(".vm"):
        raise UserError(f"{vm_file.name}: the hypervisor wants a VM file's name to end in .vm")
    if vm_file.name in names:
        raise UserError(f'{vm_file.name}: names "{vm_file.name}", and is called so itself')
    if len(names) >= MAX_MODULES:
        raise UserError(f"{vm_file.name}: names {len(names)} files; the hypervisor takes "
                        f"{MAX_MODULES - 1}")
    return find_files(names, search, vm_file.name)


def stage(vm_file: VmFile, search: Sequence[Path], directory: Path) -> tuple[Module, ...]:
    """Put the VM file and the files it names into `directory`, as multiboot modules."""
    sources = gather(vm_file, search)
    (directory / vm_file.name).write_bytes(vm_file.text.encode())
    for name, source in sources.items():
        shutil.copyfile(source, directory / name)
    return tuple(Module(directory / name, name) for name in (vm_file.name, *sources))


def boot(platform: Platform, vm_file: VmFile, build: Path, search: Sequence[Path] = (),
         options: Options = Options(), limits: Limits = Limits(), live: Live = Live()) -> Result:
    """Run the hypervisor from the directory `build` with a VM file, from start to end.

    Files that the VM file names are looked for in `search`, then among the tiny guests. Raises
    UserError for whatever keeps the machine from being started.
    """
    hv = build / "hv32.elf"
    if not hv.is_file():
        raise UserError(f"{hv}: there is no hypervisor yet; run `make`")
    words = " ".join((["trace=exits"] if options.trace else [])
                     + (["input"] if live.stdin is not None else []) + options.words.split())
    with staging() as directory:
        job = Job(hv, build / "boot" / "bootsect.bin",
                  stage(vm_file, [*search, *shelves(build)], directory), words,
                  options.memory, options.witness, options.instructions, options.gdb,
                  options.interactive, options.model)
        return run(platform.launch(job, directory), limits, live)

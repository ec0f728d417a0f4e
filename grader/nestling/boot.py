"""Boot a VM file: gather what it names, start a platform with it, and wait for the end."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nestling.emulator import Limits, Live, Result, run, staging
from nestling.errors import UserError
from nestling.image import Module
from nestling.platforms import Job, Platform

COMMENT = re.compile(r'("[^"\n]*")|#[^\n]*')
FILE = re.compile(r'\b(?:kernel|module)\s+"([^"\n]*)"')
VM = re.compile(r'\bvm\s+"([^"\n]*)"')
MAX_MODULES = 160  # BOOT_MAX_MODULES of hv/boot/multiboot.h
NAME = re.compile(r"[A-Za-z0-9._+-]+")  # no space, no comma: QEMU's -initrd splits there


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
            return cls(path.name, path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise UserError(f"{path}: not a VM file (it is not text)") from None

    @property
    def _bare(self) -> str:
        return COMMENT.sub(lambda match: match[1] or "", self.text)

    @property
    def vms(self) -> list[str]:
        """The names of the VMs, in their order: VM 1 speaks on channel 'A'."""
        return VM.findall(self._bare)

    @property
    def files(self) -> list[str]:
        """The files that the VMs need, each once."""
        return list(dict.fromkeys(FILE.findall(self._bare)))


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


def find_file(name: str, search: Sequence[Path], vm_file: str) -> Path:
    """The file of that name in the first directory that has it."""
    for directory in search:
        if (directory / name).is_file():
            return directory / name
    places = ", ".join(str(directory) for directory in search)
    raise UserError(f'{vm_file}: names "{name}", which is in none of: {places}; '
                    "if it is one of the tiny guests, `make` builds it")


def stage(vm_file: VmFile, search: Sequence[Path], directory: Path) -> tuple[Module, ...]:
    """Put the VM file and the files it names into `directory`, as multiboot modules."""
    sources = {vm_file.name: Path()}
    for name in vm_file.files:
        if "/" in name:
            raise UserError(f'{vm_file.name}: kernel "{name}": please give the bare file name; it '
                            "is looked for beside the VM file, then among the tiny guests")
        sources[name] = find_file(name, search, vm_file.name)
    if len(sources) > MAX_MODULES:
        raise UserError(f"{vm_file.name}: names {len(sources) - 1} files; the hypervisor takes "
                        f"{MAX_MODULES - 1}")
    for base, source in sources.items():
        if not NAME.fullmatch(base):
            raise UserError(f"{base!r}: file names for the hypervisor are made of "
                            "letters, digits and . _ + -")
        if base == vm_file.name:
            (directory / base).write_text(vm_file.text, encoding="utf-8")
        else:
            shutil.copyfile(source, directory / base)
    return tuple(Module(directory / base, base) for base in sources)


def boot(platform: Platform, vm_file: VmFile, build: Path, search: Sequence[Path] = (),
         options: Options = Options(), limits: Limits = Limits(), live: Live = Live()) -> Result:
    """Run the hypervisor from the directory `build` with a VM file, from start to end.

    Files that the VM file names are looked for in `search`, then among the tiny guests. Raises
    UserError for whatever keeps the machine from being started.
    """
    hv = build / "hv32.elf"
    if not hv.is_file():
        raise UserError(f"{hv}: there is no hypervisor yet; run `make`")
    words = " ".join((["trace=exits"] if options.trace else []) + options.words.split())
    with staging() as directory:
        job = Job(hv, build / "boot" / "bootsect.bin",
                  stage(vm_file, [*search, build / "guest"], directory), words,
                  options.memory, options.witness, options.instructions, options.gdb,
                  options.interactive, options.model)
        return run(platform.launch(job, directory), limits, live)

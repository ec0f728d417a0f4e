"""The command `mkiso`: make an ISO image with a menu of VM files, for real machines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nestling.boot import VmFile, shelves
from nestling.cli_image import gather
from nestling.errors import UserError
from nestling.image import Module
from nestling.iso import FONT, Entry, Menu, make_iso

ROOT = Path(__file__).resolve().parents[2]


def title(path: Path) -> str:
    """The VM file's name, and the first sentence of the comment that it begins with."""
    first = VmFile.read(path).text.partition("\n")[0]
    if not first.startswith("#"):
        return path.stem
    return f"{path.stem}: {first[1:].strip().removesuffix('.').partition('. ')[0]}"


def entry(path: Path, search: Sequence[Path]) -> Entry:
    """The menu's line for a VM file. Raises UserError if a file that it names is not there."""
    return Entry(path.stem, title(path),
                 tuple(Module(file, file.name) for file in gather([path], search)))


def entries(files: Sequence[Path], search: Sequence[Path]) -> list[Entry]:
    """One for each VM file. Those of a folder are optional: it is said which are left out."""
    found = []
    for file in files:
        for path in sorted(file.glob("*.vm")) if file.is_dir() else [file]:
            try:
                found.append(entry(path, search))
            except UserError as error:
                if path == file:
                    raise
                print(f"mkiso: left out: {error}", file=sys.stderr)
    if not found:
        raise UserError("there is no VM file to put on it")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    words = argparse.ArgumentParser(
        prog="mkiso", description="Make an ISO image of the hypervisor with a menu of VM files.",
        epilog="It boots on PCs with BIOS and with UEFI, from a CD or written to a USB stick. The "
               "files that a VM file names are taken from its own folder, or from where the build "
               "has kernels.")
    words.add_argument("files", metavar="FILE.vm|FOLDER", type=Path, nargs="*",
                       default=[ROOT / "guest" / "vm"],
                       help="VM files, or folders of them (default: guest/vm)")
    words.add_argument("-o", metavar="OUT.iso", dest="out", type=Path, required=True)
    words.add_argument("--hv", metavar="ELF", type=Path, default=ROOT / "build" / "hv32.elf",
                       help="the hypervisor (default: build/hv32.elf)")
    words.add_argument("--cmdline", metavar="WORDS", default="screen",
                       help="the hypervisor's command line (default: screen)")
    words.add_argument("--font", metavar="PSF", type=Path, default=FONT,
                       help=f"for the screen of UEFI machines (default: {FONT})")
    words.add_argument("--timeout", metavar="SECONDS", type=int, default=10,
                       help="how long the menu waits before it starts one by itself (default: 10)")
    words.add_argument("--default", metavar="NAME", default="0",
                       help="the VM file that it starts then, without .vm (default: the first)")
    choice = words.parse_args(argv)
    try:
        menu = Menu(tuple(entries(choice.files, shelves(choice.hv.parent))), choice.cmdline,
                    choice.timeout, choice.default)
        make_iso(choice.out, menu, choice.hv, choice.font)
    except UserError as error:
        print(f"mkiso: {error}", file=sys.stderr)
        return 2
    print(f"{choice.out}: {len(menu.entries)} VM files")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command `mkimage`: make the flat disk image that Bochs and real machines boot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nestling.boot import VmFile, find_file, shelves
from nestling.errors import UserError
from nestling.image import Module, make_image

ROOT = Path(__file__).resolve().parents[2]


def gather(files: Sequence[Path], search: Sequence[Path]) -> Iterator[Path]:
    """The files, and behind a VM file those that it names. Raises UserError if one is not there."""
    given = {path.name for path in files}
    for path in files:
        yield path
        if path.suffix == ".vm":
            for name in VmFile.read(path).files:
                if Path(name).name not in given:
                    yield find_file(name, [path.parent, *search], path.name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    words = argparse.ArgumentParser(
        prog="mkimage", description="Make a bootable disk image of the hypervisor and its files.",
        epilog="The hypervisor sees each file under its bare name; name the VM file first. It "
               "brings the files that it names: from its own folder, or the tiny guests that "
               "`make` builds.")
    words.add_argument("files", metavar="FILE", type=Path, nargs="*")
    words.add_argument("-o", metavar="OUT.img", dest="out", type=Path, required=True)
    words.add_argument("--hv", metavar="ELF", type=Path, default=ROOT / "build" / "hv32.elf",
                       help="the hypervisor (default: build/hv32.elf)")
    words.add_argument("--bootsect", metavar="BIN", type=Path,
                       help="boot sector and loader (default: boot/bootsect.bin beside it)")
    words.add_argument("--cmdline", metavar="WORDS", default="",
                       help="the hypervisor's command line")
    choice = words.parse_args(argv)
    bootsect = choice.bootsect or choice.hv.parent / "boot" / "bootsect.bin"
    try:
        image = make_image(choice.out, choice.hv, bootsect, choice.cmdline,
                           [Module(path, path.name)
                            for path in gather(choice.files, shelves(choice.hv.parent))])
    except UserError as error:
        print(f"mkimage: {error}", file=sys.stderr)
        return 2
    print(f"{image.path}: cylinders={image.cylinders}, heads=16, spt=63")
    return 0


if __name__ == "__main__":
    sys.exit(main())

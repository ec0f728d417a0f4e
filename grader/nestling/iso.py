"""The ISO image: GRUB with a menu of VM files, for real machines, BIOS and UEFI.

grub-mkrescue does the work; it brings every boot loader that is installed in GRUB's directory, and
the image can be written to a USB stick as it is. The tree of files that it gets depends on nothing
but what is put in. (Of the image as a whole the time is a part: GRUB looks for the disk by it.)
"""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nestling.errors import UserError
from nestling.image import Module

# Program or file, and Debian's package that has it.
GRUB = Path("/usr/lib/grub")
LOADERS = {"i386-pc": "grub-pc-bin", "x86_64-efi": "grub-efi-amd64-bin"}
PROGRAMS = {"grub-mkrescue": "grub-common", "xorriso": "xorriso", "mformat": "mtools"}
FONT = Path("/usr/share/consolefonts/Lat15-Terminus16.psf.gz")
FONT_PACKAGE = "console-setup-linux"
FONT_NAME = "console.psf"  # as hv/core/screen.c looks for it

MULTIBOOT_MAGIC = 0x1BADB002
MULTIBOOT_SEARCH = 8192  # the header is within so many bytes
MULTIBOOT_VIDEO = 1 << 2  # the header's fields for the screen count

HEAD = """\
set timeout={timeout}
set default={default}
if [ "$grub_platform" = efi ]; then
	insmod all_video
fi
"""
ENTRY = """
menuentry '{title}' --id '{key}' {{
	multiboot /boot/hv32.elf {words}
{modules}}}
"""
TAIL = """
menuentry 'Restart the computer' {
	reboot
}
if [ "$grub_platform" = efi ]; then
	menuentry "The firmware's set-up" {
		fwsetup
	}
fi
"""


@dataclass(frozen=True)
class Entry:
    """A line of the menu: what is booted with these modules, the VM file among them."""

    key: str  # for Menu.default
    title: str
    modules: tuple[Module, ...]


@dataclass(frozen=True)
class Menu:
    """What GRUB shows, and what it does by itself after `timeout` seconds."""

    entries: tuple[Entry, ...]
    words: str = "screen"  # the hypervisor's command line
    timeout: int = 10
    default: str = "0"  # the key or the number of an entry

    def text(self) -> str:
        """grub.cfg."""
        text = HEAD.format(timeout=self.timeout, default=self.default)
        for entry in self.entries:
            names = [module.string for module in entry.modules] + [FONT_NAME]
            modules = "".join(f"\tmodule /boot/{name} {name}\n" for name in names)
            title = entry.title.replace("'", r"'\''")
            text += ENTRY.format(title=title, key=entry.key, words=self.words, modules=modules)
        return text + TAIL


def ask_for_screen(hv: bytes) -> bytes:
    """The hypervisor with the wish for a screen in its multiboot header.

    GRUB needs it to set up a framebuffer on a UEFI machine. In the file that QEMU boots the wish
    is not set, as QEMU can't grant it and complains. Raises UserError if there is no header.
    """
    head = hv[:MULTIBOOT_SEARCH]
    for at in range(0, len(head) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<III", head, at)
        if magic == MULTIBOOT_MAGIC and (magic + flags + checksum) % 2**32 == 0:
            flags |= MULTIBOOT_VIDEO
            wish = struct.pack("<II", flags, -(magic + flags) % 2**32)
            return hv[:at + 4] + wish + hv[at + 12:]
    raise UserError("the hypervisor has no multiboot header (is it hv32.elf?)")


def check_tools(font: Path) -> None:
    """Raises UserError, which names the packages, if something that is needed is not there."""
    missing = {f"{name} (package {package})" for name, package in PROGRAMS.items()
               if not shutil.which(name)}
    missing |= {f"{GRUB / name} (package {package})" for name, package in LOADERS.items()
                if not (GRUB / name).is_dir()}
    if not font.is_file():
        missing.add(f"{font} (package {FONT_PACKAGE})" if font == FONT else str(font))
    if missing:
        raise UserError(f"missing: {', '.join(sorted(missing))}")


def read_file(path: Path) -> bytes:
    """What is in the file, uncompressed if it is a .gz. Raises UserError if it can't be read."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError) as error:
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def gather(menu: Menu, hv: Path, font: Path) -> dict[str, bytes]:
    """The files of the image by their names in it. Raises UserError if two claim one name."""
    files = {"boot/hv32.elf": ask_for_screen(read_file(hv)),
             f"boot/{FONT_NAME}": read_file(font),
             "boot/grub/grub.cfg": menu.text().encode()}
    for entry in menu.entries:
        for module in entry.modules:
            data = read_file(module.path)
            if files.setdefault(f"boot/{module.string}", data) != data:
                raise UserError(f"{module.path}: there is another file with the name "
                                f"{module.string}")
    return files


def make_iso(out: Path, menu: Menu, hv: Path, font: Path = FONT) -> None:
    """Write the image `out`, all of it or nothing.

    Raises UserError for files that are missing, tools that are missing, and what those complain of.
    """
    check_tools(font)
    files = gather(menu, hv, font)
    with tempfile.TemporaryDirectory(prefix="nestling-iso-") as name:
        tree, image = Path(name) / "tree", Path(name) / "image"
        for path, data in sorted(files.items()):
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
            os.utime(tree / path, (0, 0))
        made = subprocess.run(
            ["grub-mkrescue", "--fonts=", "--locales=", "--themes=", "-o", str(image), str(tree),
             "--", "-volid", "NESTLING"],
            capture_output=True, text=True, errors="replace", check=False)
        if made.returncode or not image.is_file():
            raise UserError(f"grub-mkrescue failed:\n{made.stderr.strip()}")
        try:
            beside = out.with_name(f".{out.name}.{os.getpid()}")
            shutil.move(image, beside)
            beside.replace(out)
        except OSError as error:
            raise UserError(f"{out}: {error.strerror}") from None

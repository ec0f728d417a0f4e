"""The ISO image: what goes into it, and what its command says when something is missing."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from nestling import cli_iso, iso
from nestling.errors import UserError
from nestling.image import Module
from nestling.iso import Entry, Menu, ask_for_screen, check_tools, gather

HEADER = struct.pack("<III", iso.MULTIBOOT_MAGIC, 3, -(iso.MULTIBOOT_MAGIC + 3) % 2**32)
HV = b"\x7fELF" + bytes(60) + HEADER + bytes(100)


@pytest.fixture(name="folder")
def folder_fixture(tmp_path: Path) -> Path:
    (tmp_path / "guest").mkdir()
    for name, data in {"hv32.elf": HV, "font": b"font", "guest/a.64.elf": b"a",
                       "good.vm": b'# It\'s a VM. It is good.\nvm "x" { kernel "a.64.elf" }',
                       "other.vm": b'vm "x" { kernel "not-there.elf" }'}.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_the_wish_for_a_screen_keeps_the_checksum() -> None:
    wish = ask_for_screen(HV)
    magic, flags, checksum = struct.unpack_from("<III", wish, 64)
    assert flags == 7 and (magic + flags + checksum) % 2**32 == 0
    assert (wish[:64], wish[76:]) == (HV[:64], HV[76:])
    assert ask_for_screen(wish) == wish


@pytest.mark.parametrize("data", [b"", bytes(5000), HEADER[:11], b"\0" + HEADER, bytes(8192) + HV])
def test_no_multiboot_header(data: bytes) -> None:
    with pytest.raises(UserError, match="no multiboot header"):
        ask_for_screen(data)


def test_menu(folder: Path) -> None:
    entries = cli_iso.entries([folder / "good.vm"], [folder / "guest"])
    text = Menu(tuple(entries), "screen x=y", 3, "good").text()
    assert "set timeout=3\nset default=good\n" in text
    assert (r"""menuentry 'good: It'\''s a VM' --id 'good' {
	multiboot /boot/hv32.elf screen x=y
	module /boot/good.vm good.vm
	module /boot/a.64.elf a.64.elf
	module /boot/console.psf console.psf
}
""") in text


def test_a_vm_file_of_a_folder_can_be_left_out(folder: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    assert [entry.key for entry in cli_iso.entries([folder], [folder / "guest"])] == ["good"]
    assert 'left out: other.vm: names "not-there.elf"' in capsys.readouterr().err
    with pytest.raises(UserError, match="not-there.elf"):
        cli_iso.entries([folder / "other.vm"], [folder / "guest"])
    with pytest.raises(UserError, match="no VM file"):
        cli_iso.entries([folder / "guest"], [folder / "guest"])


def test_files_of_the_same_name(folder: Path) -> None:
    other = folder / "guest" / "font"
    other.write_bytes(b"other")
    packed = folder / "font.gz"
    packed.write_bytes(gzip.compress(b"font"))

    def files(*paths: Path) -> dict[str, bytes]:
        modules = tuple(Module(path, "f") for path in paths)
        return gather(Menu((Entry("k", "t", modules),)), folder / "hv32.elf", packed)

    assert files(folder / "font", folder / "font")["boot/f"] == b"font"
    assert files()["boot/console.psf"] == b"font"
    with pytest.raises(UserError, match="another file with the name f"):
        files(folder / "font", other)
    packed.write_bytes(gzip.compress(b"font")[:-1])
    with pytest.raises(UserError, match="font.gz"):
        files()


def test_each_missing_tool_is_named_with_its_package(
        folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(iso, "GRUB", folder)
    monkeypatch.setattr(iso, "FONT", folder / "none.psf.gz")
    with pytest.raises(UserError) as error:
        check_tools(iso.FONT)
    for package in (*iso.PROGRAMS.values(), *iso.LOADERS.values(), iso.FONT_PACKAGE):
        assert f"(package {package})" in str(error.value)
    words = [str(folder / "good.vm"), "--hv", str(folder / "hv32.elf"), "-o", str(folder / "out")]
    assert cli_iso.main(words) == 2
    assert "mkiso: missing: " in capsys.readouterr().err
    assert not (folder / "out").exists()

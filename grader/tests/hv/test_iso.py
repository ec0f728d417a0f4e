"""The ISO image on PCs with BIOS and UEFI, and the console on their screens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hv.conftest import BUILD, ROOT
from hv.pc import LAST_WORDS, Pc, bochs, qemu
from nestling.cli_iso import entries
from nestling.errors import UserError
from nestling.iso import FONT, Menu, check_tools, make_iso
from nestling.platforms import PLATFORMS, QEMU

OVMF = Path("/usr/share/ovmf/OVMF.fd")
INSTRUCTIONS = 150_000_000  # for GRUB, which takes most of them, and for the VMs
HELLO = ["one: Hello from a virtual machine.", "two: Hello from a virtual machine."]
SERIAL = ["-serial", "file:serial.out"]
MAX = ["-cpu", "max"]


@pytest.fixture(name="iso", scope="module")
def iso_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample VM files, of which hello.vm starts at once."""
    try:
        check_tools(FONT)
    except UserError as error:
        pytest.skip(str(error))
    if not shutil.which(QEMU):
        pytest.skip(f"{QEMU} is missing")
    out = tmp_path_factory.mktemp("iso") / "test.iso"
    menu = Menu(tuple(entries([ROOT / "guest" / "vm"], [BUILD / "guest"])), timeout=0,
                default="hello")
    make_iso(out, menu, BUILD / "hv32.elf")
    return out


def has_run(screen: list[str]) -> None:
    """Both VMs, each with its line whole; then the end."""
    screen = [line for line in screen if line]
    assert screen[0] == "Nestling"
    assert sorted(line for line in screen if ": Hello" in line) == HELLO
    assert screen[-2:] == ["end status=0", LAST_WORDS]


def test_bios(iso: Path, tmp_path: Path) -> None:
    with qemu(tmp_path, *MAX, *SERIAL, "-cdrom", str(iso)) as pc:
        has_run(pc.wait_for(LAST_WORDS, pc.text))
        assert pc.serial().endswith("end status=0\n")


def test_usb_stick_without_serial_port_and_a_key(iso: Path, tmp_path: Path) -> None:
    stick = f"if=none,id=stick,format=raw,readonly=on,file={iso}"
    with qemu(tmp_path, *MAX, "-device", "qemu-xhci", "-drive", stick,
              "-device", "usb-storage,drive=stick") as pc:
        has_run(pc.wait_for(LAST_WORDS, pc.text))
        pc.monitor("sendkey a")
        assert pc.process.wait(300) == 0  # restarted, which ends this QEMU


def test_uefi(iso: Path, tmp_path: Path) -> None:
    if not OVMF.exists():
        pytest.skip(f"{OVMF} is missing: apt install ovmf")
    with qemu(tmp_path, *MAX, *SERIAL, "-cdrom", str(iso), "-bios", str(OVMF)) as pc:
        pc.wait_for("end status=0", lambda: pc.serial().splitlines())
        has_run(pc.wait_for(LAST_WORDS, pc.picture))
        assert colours(pc) >= {b"\xaa\xaa\xaa", b"\xff\xff\xff", b"\x55\xff\x55"}


def colours(pc: Pc) -> set[bytes]:
    """The colours of the last picture."""
    pixels = (pc.directory / "screen.ppm").read_bytes().split(b"\n", 3)[3]
    return {pixels[at:at + 3] for at in range(0, len(pixels), 3)}


@pytest.mark.parametrize("key", ["bochs-vmx", "bochs-svm"])
def test_bochs(iso: Path, tmp_path: Path, key: str) -> None:
    probe = PLATFORMS[key].probe()
    if not probe.ok:
        pytest.skip(probe.reason)
    serial, screen = bochs(tmp_path, iso, PLATFORMS[key].models[0], INSTRUCTIONS)
    assert serial.endswith("end status=0\n")
    has_run(screen)


def test_only_the_word_turns_the_screen_on(tmp_path: Path) -> None:
    with qemu(tmp_path, *MAX, *SERIAL, "-kernel", str(BUILD / "hv32.elf")) as pc:
        pc.wait_for("end status=126", lambda: pc.serial().splitlines())
        assert "Nestling" not in pc.text()


def test_long_output_scrolls(tmp_path: Path) -> None:
    kernels = ",".join(str(path) for path in (ROOT / "guest/vm/state.vm",
                                              BUILD / "guest/state.64.elf"))
    with qemu(tmp_path, *MAX, *SERIAL, "-kernel", str(BUILD / "hv32.elf"), "-append", "screen",
              "-initrd", kernels) as pc:
        screen = pc.wait_for(LAST_WORDS, pc.text)
        lines = [line for line in pc.serial().replace("\x1e", "\n").splitlines() if line]
    assert screen[-3:] == ["end status=0", "", LAST_WORDS]
    assert "Nestling" in lines and "Nestling" not in screen
    assert sum(line.startswith(("a: ", "b: ")) for line in screen) > 15


def test_a_cpu_without_64_bits(tmp_path: Path) -> None:
    with qemu(tmp_path, "-cpu", "max,-lm", *SERIAL, "-kernel", str(BUILD / "hv32.elf")) as pc:
        pc.wait_for("end status=126", lambda: pc.serial().splitlines())
        said = pc.serial().splitlines()[0].rstrip()
        assert said.startswith("Nestling: this CPU has no 64-bit mode")
        assert "".join(line.ljust(80) for line in pc.text()).startswith(said)


def test_a_hypervisor_below_us_is_named(tmp_path: Path) -> None:
    with qemu(tmp_path, "-cpu", "qemu64,-svm", *SERIAL, "-kernel", str(BUILD / "hv32.elf")) as pc:
        said = pc.wait_for("end status=126", lambda: pc.serial().splitlines())
    assert said[-3:-1] == ["this machine can not run virtual machines",
                           "this machine is itself a VM of QEMU without KVM, which does not pass "
                           "all of AMD-V on to it: start it with -cpu max"]

"""PCs that boot an ISO image, and what somebody in front of the screen would read there."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nestling.iso import FONT, read_file
from nestling.platforms import QEMU, SERIAL, bochsrc

COLUMNS, ROWS = 80, 25
VGA_TEXT = 0xB8000
FONT_WIDTH, FONT_HEIGHT = 8, 16
SECONDS = 300  # then something hangs
LAST_WORDS = "Press a key to restart, or switch the computer off."


def text_screen(dump: str) -> list[str]:
    """The lines of VGA text mode from a monitor's hexadecimal dump of its memory."""
    data = bytes(int(byte, 16) for line in dump.splitlines()
                 for byte in re.findall(r"0x([0-9a-f]{2})\b", line.partition(":")[2]))
    lines = [data[row:row + 2 * COLUMNS:2] for row in range(0, 2 * COLUMNS * ROWS, 2 * COLUMNS)]
    return [line.decode("cp437").rstrip(" \0") for line in lines]


def picture_text(ppm: bytes) -> list[str]:
    """The lines of text in a picture of the screen, letter by letter as the font has them."""
    _, size, _, pixels = ppm.split(b"\n", 3)
    width, height = map(int, size.split())
    glyphs = read_file(FONT)[4:]
    letters = {glyphs[16 * c:16 * c + 16]: chr(c) for c in range(ord(" "), 0x7F)}
    scale = min(width // (COLUMNS * FONT_WIDTH), height // (ROWS * FONT_HEIGHT))

    def dot(x: int, y: int) -> bool:
        at = 3 * (y * width + x)
        return any(pixels[at:at + 3])

    def letter(left: int, top: int) -> str:
        shape = bytes(sum(dot(left + x * scale, top + y * scale) << (7 - x)
                          for x in range(FONT_WIDTH)) for y in range(FONT_HEIGHT))
        return letters.get(shape, "\ufffd")

    return ["".join(letter(x, y) for x in range(0, COLUMNS * FONT_WIDTH * scale,
                                                FONT_WIDTH * scale)).rstrip()
            for y in range(0, height - FONT_HEIGHT * scale + 1, FONT_HEIGHT * scale)]


class Pc:
    """QEMU with a screen and a keyboard."""

    def __init__(self, directory: Path, words: list[str]) -> None:
        self.directory = directory
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [QEMU, "-accel", "tcg", "-machine", "q35", "-m", "256", "-nodefaults",
             "-display", "none", "-device", "VGA", "-no-reboot", *words,
             "-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"],
            cwd=directory, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()
        self._qmp = ours.makefile("rw", encoding="utf-8")
        ours.close()
        self._ask("qmp_capabilities")

    def _ask(self, command: str, **arguments: str) -> object:
        self._qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp.flush()
        for line in self._qmp:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            assert "error" not in answer, answer
        raise AssertionError("QEMU has ended")

    def monitor(self, line: str) -> str:
        """A command for QEMU's monitor, and its answer."""
        return str(self._ask("human-monitor-command", **{"command-line": line}))

    def text(self) -> list[str]:
        """What VGA text mode shows."""
        return text_screen(self.monitor(f"xp /{2 * COLUMNS * ROWS}bx {VGA_TEXT}"))

    def picture(self) -> list[str]:
        """The text that is to be seen in graphics."""
        self.monitor("screendump screen.ppm")
        return picture_text((self.directory / "screen.ppm").read_bytes())

    def wait_for(self, last: str, look: Callable[[], list[str]]) -> list[str]:
        """The screen, once `last` is to be seen on it."""
        deadline = time.monotonic() + SECONDS
        while last not in (screen := look()):
            assert time.monotonic() < deadline, "\n".join(screen)
            time.sleep(0.1)
        return screen

    def serial(self) -> str:
        """What came from the serial port, if it has one in the file serial.out."""
        return (self.directory / "serial.out").read_text("utf-8", "replace")

    def close(self) -> None:
        """Switch it off."""
        self.process.kill()
        self.process.wait()
        self._qmp.close()


@contextmanager
def qemu(directory: Path, *words: str) -> Iterator[Pc]:
    """A PC that is switched off in the end."""
    pc = Pc(directory, list(words))
    try:
        yield pc
    finally:
        pc.close()


def bochs(directory: Path, iso: Path, model: str, instructions: int) -> tuple[str, list[str]]:
    """What a CD says on the serial port and on the screen within so many instructions."""
    config = bochsrc(model, 256, 1, False).replace("boot: disk", "boot: cdrom")
    config = re.sub("ata0-master: .*", f"ata0-master: type=cdrom, path={iso}, status=inserted",
                    config)
    (directory / "bochsrc").write_text(config, encoding="ascii")
    (directory / "commands").write_text(
        f"sb {instructions}\nc\nxp /{2 * COLUMNS * ROWS}bx {VGA_TEXT}\nq\n", encoding="ascii")
    ran = subprocess.run(["bochs", "-q", "-f", "bochsrc", "-rc", "commands"], cwd=directory,
                         stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                         check=False, env={"PATH": "/usr/bin:/usr/local/bin", "TERM": "dumb"})
    dump = "\n".join(line for line in ran.stdout.decode("ascii", "replace").splitlines()
                     if line.startswith("0x"))
    return (directory / SERIAL).read_text("utf-8", "replace"), text_screen(dump)

"""The command `run`: boot a VM file and show what happens."""

from __future__ import annotations

import argparse
import os
import re
import signal
import stat
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from nestling.boot import Options, VmFile, boot, gather, shelves
from nestling.console import HYPERVISOR
from nestling.emulator import Limits, Live, Reason, Result
from nestling.errors import UserError
from nestling.platforms import PLATFORMS, Platform, platform_named
from nestling.symbols import Symbols, symbolize
from nestling.witness import entry_failures

ROOT = Path(__file__).resolve().parents[2]
STATUS_UNSOUND = 1  # of --check
STATUS_USAGE = 2
STATUS_FAILED = 126
GDB_PORT = 1234
DEFAULT_SECONDS = 60.0
FOREVER = 10.0 * 365 * 86400
EPILOG = """\
The exit status is that of the hypervisor's end line: the largest that a VM
wrote to port 0xf4, at most 125, which also means that a VM crashed or was
stopped; its line `stopped reason=` tells. 126: the hypervisor or the emulator
failed, or the VM file is wrong. 2: wrong usage. With --check: 0 if all is well
with the VM file and the files that it names, 1 if not.
"""
# The comment on top of the parser is the reference of the VM file's language.
REFERENCE = re.compile(r"/\*\*\n \* @file vmfile\.h\n(.*?) \*/", re.DOTALL)
DIM, PLAIN = "\x1b[2m", "\x1b[0m"
LINE = re.compile(r"[^\n]*\n|[^\n]+")


class Screen:
    """Shows the channels as they come.

    The hypervisor's own lines are dim on a terminal, and its return addresses get names. With
    several VMs each line starts with the name of the one that says it.
    """

    def __init__(self, out: TextIO, vms: Sequence[str], symbols: Symbols | None) -> None:
        self._out = out
        self._symbols = symbols
        self._colour = out.isatty() and "NO_COLOR" not in os.environ
        self._names = {chr(ord("A") + index): name for index, name in enumerate(vms)}
        self._held = ""  # the hypervisor's line that is not complete yet
        self._channel = HYPERVISOR
        self._line_start = True

    def show(self, channel: str, text: str) -> None:
        """A Listener for emulator.run()."""
        if channel == HYPERVISOR:
            *lines, self._held = (self._held + text).split("\n")
            text = "".join(line + "\n" for line in lines)
            if self._symbols:
                text = symbolize(text, self._symbols)
        self._put(channel, text)

    def close(self) -> None:
        """Show what is left, and end the last line."""
        self._put(HYPERVISOR, self._held)
        if not self._line_start:
            self._out.write("\n")
        self._out.flush()

    def _put(self, channel: str, text: str) -> None:
        if not text:
            return
        if channel != self._channel and not self._line_start:
            self._out.write("\n")
            self._line_start = True
        self._channel = channel
        dim = self._colour and channel == HYPERVISOR
        prefix = ""
        if len(self._names) > 1 and channel != HYPERVISOR:
            prefix = f"{self._names.get(channel, channel)}: "
        for line in LINE.findall(text):
            start = prefix if self._line_start else ""
            words = line.rstrip("\n")
            self._out.write(start + (f"{DIM}{words}{PLAIN}" if dim else words) + line[len(words):])
            self._line_start = line.endswith("\n")
        self._out.flush()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(
        prog="run", description="Boot the hypervisor with a VM file and show the console.",
        epilog=f"{EPILOG}\n{vm_file_reference(ROOT / 'hv/load/vmfile.h')}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("file", metavar="FILE.vm", type=Path)
    words.add_argument("--check", action="store_true",
                       help="boot nothing: tell what is wrong with the VM file, or list its VMs")
    words.add_argument("--on", metavar="PLATFORM", choices=PLATFORMS,
                       help=f"{', '.join(PLATFORMS)} (default: kvm if it nests "
                            "here, else tcg; bochs-vmx if the variable TRACK is intel)")
    words.add_argument("--build", metavar="DIR", type=Path, default=ROOT / "build",
                       help="where `make` put the hypervisor (default: build)")
    words.add_argument("--trace", choices=["exits"], help="list every VM exit afterwards")
    words.add_argument("--time", metavar="SECONDS", type=float,
                       help="give up after that long; 0: never (default: never on a terminal, "
                            f"where Ctrl-C ends the run, else {DEFAULT_SECONDS:g})")
    words.add_argument("--cmdline", metavar="WORDS", default="",
                       help="more words for the hypervisor's command line")
    words.add_argument("--gdb", metavar="PORT", type=int, nargs="?", const=GDB_PORT,
                       help=f"wait for gdb on that TCP port (default {GDB_PORT}); QEMU only")
    words.add_argument("--memory", metavar="MiB", type=int, default=256,
                       help="of the machine, 32 to 2048 (default: 256)")
    words.add_argument("--model", metavar="NAME", default="", help="another CPU model")
    words.add_argument("--realtime", action="store_true",
                       help="let the machine's clock be the real one, for guests to talk to; "
                            "without it tcg counts instructions and every run is the same")
    return words


def vm_file_reference(header: Path) -> str:
    """What there is to know of VM files, for people; "" if the header is not there."""
    try:
        found = REFERENCE.match(header.read_text(encoding="utf-8"))
    except OSError:
        return ""
    return re.sub(r"(?m)^ \* ?", "", found[1]) if found else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    words = parser().parse_args(argv)
    try:
        return check_file(words.file, words.build) if words.check else run_file(words)
    except UserError as error:
        print(f"run: {error}", file=sys.stderr)
        return STATUS_USAGE
    except BrokenPipeError:  # as in `run ... | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        return STATUS_FAILED


def check_file(path: Path, build: Path) -> int:
    """Say what is wrong with a VM file, or show what is in it; the exit status."""
    vm_file = VmFile.read(path)
    program = build / "vmcheck"
    if not program.is_file():
        raise UserError(f"{program}: there is no checker of VM files yet; run `make`")
    checked = subprocess.run([program, path], stdout=subprocess.PIPE, text=True, check=False)
    if checked.returncode:
        return checked.returncode
    try:
        gather(vm_file, [path.parent, *shelves(build)])
    except UserError as error:
        print(f"run: {error}", file=sys.stderr)
        return STATUS_UNSOUND
    print(checked.stdout, end="")
    return 0


def run_file(words: argparse.Namespace) -> int:
    """Boot, show, and tell how it ended; the exit status."""
    vm_file = VmFile.read(words.file)
    platform = choose_platform(words.on)
    if not 32 <= words.memory <= 2048:
        raise UserError(f"--memory {words.memory}: between 32 and 2048 MiB, please")
    options = Options(words=words.cmdline, trace=words.trace == "exits", memory=words.memory,
                      model=words.model, gdb=words.gdb, interactive=words.realtime)
    symbols = load_symbols(words.build)
    search = [words.file.parent]
    if words.gdb is not None:
        if not platform.takes_gdb:
            raise UserError(f"{platform.key} has no gdb server; use --on tcg")
        print(gdb_hint(words.gdb, words.build, vm_file, [*search, *shelves(words.build)]),
              file=sys.stderr, flush=True)
    screen = Screen(sys.stdout, vm_file.vms, symbols)
    with keyboard(platform) as stdin, interrupt_flag() as interrupted:
        live = Live(screen.show, stdin, lambda: bool(interrupted))
        result = boot(platform, vm_file, words.build, search, options,
                      Limits(seconds=time_limit(words)), live)
    screen.close()
    return report(result, platform, symbols, options.trace)


def choose_platform(key: str | None) -> Platform:
    """The platform asked for, or the fastest that there is of the user's track."""
    if key is None:
        kvm = PLATFORMS["kvm"].probe()
        intel = os.environ.get("TRACK") == "intel"
        is_mine = kvm.isa == "vmx" if intel else kvm.ok
        key = "kvm" if kvm.ok and is_mine else "bochs-vmx" if intel else "tcg"
    return platform_named(key)


def time_limit(words: argparse.Namespace) -> float:
    """Seconds that the run may take."""
    if words.time is None:
        return FOREVER if is_terminal() or words.gdb is not None else DEFAULT_SECONDS
    if words.time < 0:
        raise UserError(f"--time {words.time:g}: seconds, or 0 for no limit")
    return words.time or FOREVER


def is_terminal() -> bool:
    """Is somebody sitting at the keyboard?"""
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # standard input is closed
        return False


def load_symbols(build: Path) -> Symbols | None:
    """The hypervisor's symbols, if it was built with them."""
    path = build / "hv.elf"
    return Symbols(path) if path.is_file() else None


def gdb_hint(port: int, build: Path, vm_file: VmFile, search: Sequence[Path]) -> str:
    """What to type in another terminal."""
    words = ["gdb", "-q", "-iex", "'set confirm off'", str(build / "hv.elf"),
             "-ex", f"'target remote localhost:{port}'"]
    for path in gather(vm_file, search).values():
        if path.suffix == ".elf":
            words += ["-ex", f"'add-symbol-file {path}'"]
    return f"waiting for gdb; in another terminal:\n    {' '.join(words)}"


@contextmanager
def keyboard(platform: Platform) -> Iterator[int | None]:
    """Standard input for the guest, character by character; None if the platform takes none."""
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, ValueError, OSError):
        yield None
        return
    if not platform.takes_input or is_null(descriptor):
        yield None
    elif not os.isatty(descriptor):
        yield descriptor
    else:
        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)  # Ctrl-C stays with us
            yield descriptor
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def is_null(descriptor: int) -> bool:
    """Is that /dev/null, or another device that nobody types on?"""
    return stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor)


@contextmanager
def interrupt_flag() -> Iterator[list[int]]:
    """A list that gets an element when somebody presses Ctrl-C."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def report(result: Result, platform: Platform, symbols: Symbols | None, trace: bool) -> int:
    """What is to be said after the run; the exit status."""
    if trace:
        print(trace_table(result.trace))
    for failure in entry_failures(result.log):
        print(f"run: {platform.key}: {failure}", file=sys.stderr)
    if result.reason is Reason.ENDED and result.status is not None:
        return result.status
    place = ""
    if result.where is not None:
        name = symbols.describe(result.where) if symbols else ""
        place = f"; the machine was at {result.where:#x} {name or '(not in the hypervisor)'}"
    print(f"run: {platform.key}: {result.reason.value}: {result.detail}{place}", file=sys.stderr)
    return STATUS_FAILED


def trace_table(lines: Sequence[str]) -> str:
    """The exits of a trace, a line for each, with the ticks that handling it took."""
    table = [f"{'cpu':>3} {'vm':>3} {'vcpu':>4}  {'exit':<12} {'rip':>16} {'value':>16} "
             f"{'code':>8} {'at tick':>14} {'ticks':>8}"]
    for line in lines:
        words = line.split()
        try:
            cpu, vm, vcpu, reason = words[1], words[2], words[3], words[4]
            start, end = int(words[8], 16), int(words[9], 16)
            table.append(f"{cpu:>3} {vm:>3} {vcpu:>4}  {reason:<12} {words[5]:>16} {words[6]:>16} "
                         f"{words[7]:>8} {start:>14} {end - start:>8}")
        except (IndexError, ValueError):
            table.append(line)
    return "\n".join(table)


if __name__ == "__main__":
    sys.exit(main())

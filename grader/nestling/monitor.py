"""Ways to ask a running emulator a question from outside.

Both kinds can tell where the machine's first CPU is. The one for QEMU can also stop the machine
after a number of instructions; Bochs has that among its start commands.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nestling.errors import UserError

ANSWER_SECONDS = 2.0
START_SECONDS = 30.0  # on a busy computer QEMU may take a while before it listens

# The watchdog of an IPMI board controller counts in steps of 100 ms (IPMI 2.0, 27.6, 27.7). What it
# is told comes through two ports (9.10): the first byte, the last, and reading are announced.
WATCHDOG_UNIT = 100_000_000  # instructions
WATCHDOG_STEPS = 0xffff
IPMI_DATA, IPMI_COMMAND = 0xca2, 0xca3
IPMI_WRITE_START, IPMI_WRITE_END, IPMI_READ = 0x61, 0x62, 0x68
IPMI_APP = 6 << 2
IPMI_SET_WATCHDOG, IPMI_RESET_WATCHDOG = 0x24, 0x22
IPMI_USE, IPMI_POWER_DOWN = 4, 2  # whose timer it is: an operating system's; what it does
POWER_DOWN = "guest-shutdown"  # QEMU's word for that

# Bochs: RIP in the answer to `regs`, and in the instruction shown when the machine goes down.
REGISTER_RIP = re.compile(r"^rip: ([0-9a-f]{8})_([0-9a-f]{8})", re.MULTILINE)
LAST_INSTRUCTION = re.compile(
    r"^\(0\)\.\[\d+\] \[0x[0-9a-f]+\] [0-9a-f]{4}:([0-9a-f]+) ", re.MULTILINE)


class Monitor:
    """What the runner wants from an emulator besides its output; this one does nothing."""

    def __init__(self) -> None:
        self.where: int | None = None  # instruction pointer of the first CPU, once it is known
        self.expired = False  # the machine has used up its instructions
        self.fallen = False  # the machine has reset itself, or wanted to

    def arguments(self) -> list[str]:
        """Words to add to the emulator's command."""
        return []

    def descriptors(self) -> list[int]:
        """File descriptors that the emulator inherits."""
        return []

    def start(self, pid: int) -> None:
        """The emulator runs as process `pid`: get in touch with it."""

    def poll(self, stdout: bytes | bytearray) -> None:
        """Look whether `expired` or `fallen` is true by now, without waiting.

        `stdout` is what the emulator has written to its standard output so far.
        """

    def interrupt(self) -> None:
        """The emulator is going to be killed: find out where the machine is, or ask for it."""

    def finish(self, stdout: str) -> None:
        """The emulator is gone and this is all it wrote: let go, and fill in what it told."""


class Qmp(Monitor):
    """QEMU's monitor protocol over a socket pair.

    The instruction budget uses an emulated watchdog, armed from here before the first
    instruction. With `-icount shift=0` a nanosecond of the machine's time is one instruction, so
    the dog barks after exactly so many; and as a machine that only waits skips its
    waiting time, one that sleeps for ever is found out at once. It switches the machine off, which
    nobody else does: the hypervisor ends QEMU itself, and faults reset the machine.
    """

    def __init__(self, instructions: int | None = None) -> None:
        super().__init__()
        self._ours, self._theirs = socket.socketpair()
        self._buffer = b""
        self._steps = 0
        self._alive = True
        if instructions:
            self._steps = min(max(-(-instructions // WATCHDOG_UNIT), 1), WATCHDOG_STEPS)

    def arguments(self) -> list[str]:
        words = ["-chardev", f"socket,id=qmp,fd={self._theirs.fileno()}",
                 "-mon", "chardev=qmp,mode=control"]
        words += ["-no-reboot", "-action", "shutdown=pause"]  # so we can ask after a triple fault
        if self._steps:
            words += ["-device", "ipmi-bmc-sim,id=dog", "-device", "isa-ipmi-kcs,bmc=dog", "-S"]
        return words

    def descriptors(self) -> list[int]:
        return [self._theirs.fileno()]

    def start(self, pid: int) -> None:
        self._theirs.close()
        if not self._steps:
            self._send("qmp_capabilities")  # its answer is skipped by the first _command()
            return
        self._command("qmp_capabilities", seconds=START_SECONDS)
        for port, value in _arm(self._steps):
            self._send("human-monitor-command", {"command-line": f"o /b {port:#x} {value}"})
        if self._command("cont") is None and self._alive:
            raise UserError("QEMU was started, but its monitor does not answer")

    def poll(self, stdout: bytes | bytearray) -> None:
        while self._alive and self._wait(0):
            self._message()

    def interrupt(self) -> None:
        registers = self._monitor("info registers")
        match = re.search(r"\b[RE]IP=([0-9a-f]+)", registers or "")
        self.where = int(match[1], 16) if match else None

    def finish(self, stdout: str) -> None:
        self._ours.close()
        self._theirs.close()

    def _send(self, command: str, arguments: dict[str, Any] | None = None) -> None:
        request = {"execute": command, "arguments": arguments or {}, "id": command}
        try:
            self._ours.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            self._alive = False

    def _command(self, command: str, arguments: dict[str, Any] | None = None,
                 seconds: float | None = None) -> Any:
        """The answer to `command`, or None when QEMU is gone, refuses, or doesn't answer."""
        self._send(command, arguments)
        deadline = time.monotonic() + (seconds or ANSWER_SECONDS)
        while self._alive and self._wait(deadline - time.monotonic()):
            message = self._message()
            if message.get("id") == command:
                return message.get("return")
        return None

    def _monitor(self, line: str) -> str | None:
        answer = self._command("human-monitor-command", {"command-line": line})
        return answer if isinstance(answer, str) else None

    def _wait(self, seconds: float) -> bool:
        """Whether there is something to read, by then."""
        return b"\n" in self._buffer or bool(
            select.select([self._ours], [], [], max(seconds, 0))[0])

    def _message(self) -> dict[str, Any]:
        """The next message, to be called after _wait(); {} when it isn't complete yet."""
        if b"\n" not in self._buffer:
            try:
                data = self._ours.recv(65536)
            except OSError:
                data = b""
            self._alive = bool(data)
            self._buffer += data
        if b"\n" not in self._buffer:
            return {}
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            message = json.loads(line)
        except ValueError:
            message = {}
        if message.get("event") == "SHUTDOWN":
            self.expired = message["data"]["reason"] == POWER_DOWN
            self.fallen = not self.expired
        return message


def _arm(steps: int) -> Iterator[tuple[int, int]]:
    """What to write to which ports, for a power-down in so many steps of the watchdog."""
    for request in ((IPMI_APP, IPMI_SET_WATCHDOG, IPMI_USE, IPMI_POWER_DOWN, 0, 0,
                     *steps.to_bytes(2, "little")), (IPMI_APP, IPMI_RESET_WATCHDOG)):
        yield IPMI_COMMAND, IPMI_WRITE_START
        for byte in request[:-1]:
            yield IPMI_DATA, byte
        yield IPMI_COMMAND, IPMI_WRITE_END
        yield IPMI_DATA, request[-1]
        for _ in range(3):  # the answer: its two first bytes are the request's, and all is well
            yield IPMI_DATA, IPMI_READ


class BochsDebugger(Monitor):
    """Bochs's internal debugger, driven by a command file.

    The start commands end in `regs` and `q`: whatever interrupts `c` (the time breakpoint that is
    the instruction budget, or SIGINT from here) prints the registers and ends Bochs. Unlike the
    time breakpoint, SIGINT also works when the CPU sleeps in HLT with interrupts off.

    A triple fault interrupts `c` too, and Bochs 2.7 does not look first whether it is the fault of
    an SVM guest, which ends no more than that guest's run. With `guest_faults` the machine goes on.
    After a triple fault of its own it only sleeps; Bochs's log, which has a guest's exits if there
    is a witness, tells one from the other.
    """

    COMMANDS = "commands~"
    MAX_FAULTS = 10_000
    BUDGET_GONE = b"Caught time breakpoint"
    FAULT = b"exception with no resolution"
    LOG_TAIL = 1 << 16

    def __init__(self, directory: Path, instructions: int | None = None,
                 guest_faults: bool = False, exit_log: Path | None = None) -> None:
        super().__init__()
        commands = ["c", "regs"] * (self.MAX_FAULTS if guest_faults else 1) + ["q"]
        if instructions:
            commands.insert(0, f"sb {instructions}")
        (directory / self.COMMANDS).write_text("\n".join(commands) + "\n", encoding="ascii")
        self._guest_faults = guest_faults
        self._exit_log = exit_log  # has each VM exit
        self._breaks = 0
        self._pid = 0
        self._interrupted = False

    def arguments(self) -> list[str]:
        return ["-rc", self.COMMANDS]

    def start(self, pid: int) -> None:
        self._pid = pid

    def interrupt(self) -> None:
        self._interrupted = True
        try:
            os.kill(self._pid, signal.SIGINT)
        except ProcessLookupError:
            pass

    def poll(self, stdout: bytes | bytearray) -> None:
        end = b"\neflags "  # of what `regs` prints
        self.expired = end in stdout.partition(self.BUDGET_GONE)[2]
        breaks = stdout.count(end)
        if self._guest_faults and self._exit_log and breaks > self._breaks:
            self._breaks = breaks
            self.fallen = self._has_fallen(self._exit_log)

    def _has_fallen(self, log: Path) -> bool:
        """Was the last triple fault not a guest's? Then no VM exit follows it."""
        with log.open("rb") as file:
            file.seek(max(log.stat().st_size - self.LOG_TAIL, 0))
            _, fault, after = file.read().rpartition(self.FAULT)
        return bool(fault) and b"VMEXIT" not in after

    def finish(self, stdout: str) -> None:
        if registers := REGISTER_RIP.findall(stdout):
            self.where = int("".join(registers[-1]), 16)
            self.expired = (self.BUDGET_GONE.decode() in stdout
                            or not (self._guest_faults or self._interrupted))
        elif places := LAST_INSTRUCTION.findall(stdout):
            self.where = int(places[-1], 16)

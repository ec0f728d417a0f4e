"""Run one emulator process, within limits, and tell what came of it.

Nothing here knows QEMU from Bochs: platforms.py says how to start an emulator and where its
output goes. Promised to the caller: run() comes back, soon after the time limit at the latest,
and no process of the emulator's outlives it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, BinaryIO

from nestling.console import Console, Listener
from nestling.errors import UserError
from nestling.monitor import Monitor

TICK = 0.02  # seconds between two looks at the emulator
PIECE = 1 << 16
MAX_STDERR = 1 << 16
# An emulator touches some 40 MiB at its start. In large pages that costs half as many seconds.
QUICK_START = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class Reason(Enum):
    """Why a run was over. The values are for people."""

    ENDED = "ended"
    NO_END = "no end line"
    TIMEOUT = "timeout"
    STOPPED = "stopped by the caller"
    FLOOD = "output limit"
    FAILED = "emulator failed"


@dataclass(frozen=True)
class Limits:
    """What a run may use up."""

    seconds: float = 30.0  # wall clock
    output: int = 8 << 20  # bytes, each: console, 0xE9 trace
    log: int = 256 << 20  # bytes of the emulator's own log
    grace: float = 1.0  # seconds to go away after the end line, or to answer a last question


@dataclass
class Launch:
    """How to start an emulator, and where to look. Files are in `directory`."""

    argv: list[str]
    directory: Path
    console: Path | None = None  # file that gets the serial line; None: it is standard output
    trace: Path | None = None  # file that gets port 0xE9; None: it is standard output
    log: Path | None = None  # the emulator's own log
    keep: Callable[[str], bool] = bool  # the log lines worth keeping
    explain: Callable[[int, str, str], str] = lambda exit_code, stderr, log: ""
    monitor: Monitor = field(default_factory=Monitor)
    env: dict[str, str] = field(default_factory=dict)  # besides the environment we have


@dataclass(frozen=True)
class Result:
    """What came of a run. `status` is None without an orderly end; `detail` is one sentence."""

    reason: Reason
    status: int | None
    detail: str
    channels: dict[str, str]
    trace: list[str]  # lines that the hypervisor wrote to port 0xE9
    log: str  # kept lines of the emulator's own log
    where: int | None  # instruction pointer of the first CPU when the machine stopped, if known
    exit_code: int  # of the emulator; -9 when it was killed
    seconds: float

    @property
    def console(self) -> str:
        """What the hypervisor itself said."""
        return self.channels.get("@", "")


@contextmanager
def staging() -> Iterator[Path]:
    """A directory for one run; it is gone afterwards, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="nestling-", ignore_cleanup_errors=True) as name:
        yield Path(name)


class Tail:
    """Read a file that another process is writing, or may be going to write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def read(self, limit: int) -> bytes:
        """Up to `limit` new bytes."""
        try:
            self._file = self._file or self._path.open("rb")
        except FileNotFoundError:
            return b""
        return self._file.read(limit)

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


@dataclass(frozen=True)
class Live:
    """Ties to the outside while the emulator runs."""

    listener: Listener | None = None  # gets the console's text as it comes
    stdin: int | None = None  # file descriptor; its bytes go to the emulator's standard input
    stop: Callable[[], bool] = lambda: False  # asked often; True ends the run


def run(launch: Launch, limits: Limits = Limits(), live: Live = Live()) -> Result:
    """Run the emulator until it ends, or has to be ended.

    Raises UserError if the program can't be started.
    """
    return _Run(launch, limits, live).go()


class _Run:
    """The state of one call of run()."""

    def __init__(self, launch: Launch, limits: Limits, live: Live) -> None:
        self.launch = launch
        self.limits = limits
        self.live = live
        self.console = Console(live.listener)
        self.tail = Tail(launch.console) if launch.console else None
        self.stdin = live.stdin
        self.typed = b""  # read from stdin, not yet taken by the emulator
        self.stdout = bytearray()  # unless that is the console
        self.stderr = bytearray()
        self.reason: Reason | None = None
        self.detail = ""
        self.start = time.monotonic()
        self.pipes: list[int] = []  # the emulator's outputs that are still open
        self.err = self.keyboard = -1

    def go(self) -> Result:
        try:
            process = self._spawn()
        except BaseException:
            self.launch.monitor.finish("")
            raise
        self.pipes = [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe]
        self.err = self.pipes[-1]
        self.keyboard = process.stdin.fileno() if process.stdin else -1
        for pipe in (*self.pipes, self.keyboard):
            if pipe >= 0:
                os.set_blocking(pipe, False)
        try:
            self.launch.monitor.start(process.pid)
            self._watch(process)
        finally:
            _kill(process)
            self._drain()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    _close(stream)
            if self.tail:
                self.tail.close()
            self.console.close()
            self.launch.monitor.finish(self.stdout.decode(errors="replace"))
        return self._result(process.returncode)

    def _spawn(self) -> subprocess.Popen[bytes]:
        argv = [*self.launch.argv, *self.launch.monitor.arguments()]
        if not shutil.which(argv[0]):
            raise UserError(f"{argv[0]}: no such program")
        guard = shutil.which("setpriv")  # if we are killed, the emulator dies with us
        if guard:
            argv = [guard, "--pdeathsig", "KILL", "--", *argv]
        return subprocess.Popen(
            argv, cwd=self.launch.directory, env={**QUICK_START, **os.environ, **self.launch.env},
            stdin=subprocess.DEVNULL if self.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, pass_fds=self.launch.monitor.descriptors())

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Until the emulator has ended, or nothing more is to be expected of it."""
        deadline = self.start + self.limits.seconds
        stopping = False
        while not _has_ended(process):
            self._read(TICK)
            self._check_output()
            self.launch.monitor.poll(self.stdout)
            now = time.monotonic()
            if self.reason is Reason.FLOOD or (stopping and now > deadline):
                return
            if stopping:
                continue
            if self.launch.monitor.fallen:
                self.launch.monitor.interrupt()
                return
            if self.console.status is not None:
                stopping, deadline = True, now + self.limits.grace
            elif self.launch.monitor.expired or now > deadline or self.live.stop():
                self.reason = (Reason.TIMEOUT if self.launch.monitor.expired or now > deadline
                               else Reason.STOPPED)
                stopping, deadline = True, now + self.limits.grace
                self.launch.monitor.interrupt()
                if self.launch.monitor.where is not None:
                    return

    def _read(self, patience: float) -> bool:
        """Move along whatever there is to move, waiting for it a little. False: nothing."""
        sources = list(self.pipes)
        if self.stdin is not None and not self.typed:
            sources.append(self.stdin)
        ready = select.select(sources, [], [], patience)[0] if sources else []
        if not sources:
            time.sleep(patience)
        moved = False
        for source in ready:
            data = _read_some(source)
            if data is None:
                continue
            moved = moved or bool(data)
            if source == self.stdin:
                self._type(data)
            elif not data:
                self.pipes.remove(source)
            elif source == self.err:
                self.stderr += data[:MAX_STDERR - len(self.stderr)]
            elif self.launch.console:
                self.stdout += data
            else:
                self.console.feed(data)
        if self.tail:
            data = self.tail.read(PIECE * 16)
            moved = moved or bool(data)
            self.console.feed(data)
        if self.typed:
            self._type(b"", more=True)
        return moved

    def _type(self, data: bytes, more: bool = False) -> None:
        """Pass keystrokes on as far as the emulator takes them.

        No data is the end of them, which a serial line has no way to tell to anybody.
        """
        if not data and not more:
            self.stdin = None
            return
        self.typed += data
        try:
            self.typed = self.typed[os.write(self.keyboard, self.typed):]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.stdin, self.typed = None, b""

    def _check_output(self) -> None:
        """Has any of the outputs become too large?"""
        sizes = [("console", self.console.size, self.limits.output),
                 ("standard output", len(self.stdout), self.limits.output),
                 ("0xE9 trace", _size(self.launch.trace), self.limits.output),
                 ("emulator's log", _size(self.launch.log), self.limits.log)]
        for what, size, limit in sizes:
            if size > limit and self.reason is None:
                self.reason = Reason.FLOOD
                self.detail = f"the {what} grew beyond {limit} bytes"

    def _drain(self) -> None:
        """Read what is still on the way, within the limits."""
        deadline = time.monotonic() + self.limits.grace
        while (self.reason is not Reason.FLOOD and self._read(0)
               and time.monotonic() < deadline):
            self._check_output()

    def _result(self, exit_code: int) -> Result:
        seconds = time.monotonic() - self.start
        monitor = self.launch.monitor
        log = _read_log(self.launch, self.limits.log)
        stderr = self.stderr.decode(errors="replace").strip()
        status = self.console.status
        reason, detail = self.reason, self.detail
        if reason is Reason.FLOOD:
            status = None
        elif status is not None:
            reason, detail = Reason.ENDED, ""
        elif monitor.expired:
            reason, detail = Reason.TIMEOUT, "the machine used up its instructions"
        elif reason is Reason.STOPPED:
            detail = "stopped before the end"
        elif reason is Reason.TIMEOUT:
            detail = f"no end after {self.limits.seconds:g} seconds"
        else:
            if not monitor.fallen:
                detail = self.launch.explain(exit_code, stderr, log)
            reason = Reason.FAILED if detail else Reason.NO_END
            detail = detail or "the machine went down without an end line: triple fault or reset"
        where = None if reason is Reason.ENDED else monitor.where
        trace = self.stdout.decode("ascii", "replace") if self.launch.trace is None else (
            _read_text(self.launch.trace, self.limits.output))
        return Result(reason, status, detail, self.console.channels,
                      [line for line in trace.splitlines() if line.startswith("x ")],
                      log, where, exit_code, seconds)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has ended. It stays a zombie, so that its group keeps its number."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and all others of its group, and wait for it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except BrokenPipeError:
        pass


def _read_some(descriptor: int) -> bytes | None:
    """What is there to read; b"" at the end, None if there was nothing after all."""
    try:
        return os.read(descriptor, PIECE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0


def _read_text(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            return file.read(limit).decode("ascii", "replace")
    except OSError:
        return ""


def _read_log(launch: Launch, limit: int) -> str:
    """The lines worth keeping from the first `limit` bytes of the emulator's log."""
    if not launch.log:
        return ""
    kept = []
    try:
        with launch.log.open("rb") as file:
            for line in file:
                limit -= len(line)
                if limit < 0:
                    break
                text = line.decode("ascii", "replace")
                if launch.keep(text):
                    kept.append(text)
    except OSError:
        pass
    return "".join(kept)

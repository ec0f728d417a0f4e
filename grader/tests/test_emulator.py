"""emulator.py, with small scripts in the place of emulators."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nestling import monitor
from nestling.emulator import Launch, Limits, Live, Reason, Result, run, staging
from nestling.errors import UserError
from nestling.monitor import BochsDebugger, Monitor, Qmp

QUICK = Limits(seconds=0.4, grace=0.2)
PATIENT = Limits(seconds=10, grace=0.5)
END = r"printf 'end status=%d\r\n' "


def shell(directory: Path, script: str, **more: object) -> Launch:
    """A launch of a shell script in the place of an emulator."""
    return Launch(["sh", "-c", script], directory, **more)  # type: ignore[arg-type]


def is_gone(pid: int, seconds: float = 1.0) -> bool:
    """Whether the process is dead, or dies very soon; a zombie is dead."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


def test_an_orderly_end(tmp_path: Path) -> None:
    result = run(shell(tmp_path, r"printf 'hi\n\036Aguest\n\036@'; " + END + "7; exit 33"))
    assert result.reason is Reason.ENDED
    assert (result.status, result.exit_code, result.detail) == (7, 33, "")
    assert result.channels == {"@": "hi\nend status=7\n", "A": "guest\n"}
    assert result.console == "hi\nend status=7\n"
    assert 0 < result.seconds < 5


def test_console_from_a_file_trace_from_stdout_log_filtered(tmp_path: Path) -> None:
    script = (r"echo banner; echo 'x 0 1 0 hlt 8000'; echo noise > log; echo 'VMEXIT 1' >> log; "
              r"sleep 0.1; printf 'hello\n' > serial; sleep 0.1; " + END + ">> serial 0")
    result = run(shell(tmp_path, script, console=tmp_path / "serial", log=tmp_path / "log",
                       keep=lambda line: "VMEXIT" in line))
    assert result.status == 0
    assert result.console == "hello\nend status=0\n"
    assert result.trace == ["x 0 1 0 hlt 8000"]
    assert result.log == "VMEXIT 1\n"


def test_trace_from_a_file(tmp_path: Path) -> None:
    script = "printf 'x 1\\nnot a record\\nx 2\\n' > trace; " + END + "0"
    result = run(shell(tmp_path, script, trace=tmp_path / "trace"))
    assert result.trace == ["x 1", "x 2"]


def test_text_is_live(tmp_path: Path) -> None:
    heard: list[tuple[float, str, str]] = []

    def listen(channel: str, text: str) -> None:
        heard.append((time.monotonic(), channel, text))

    run(shell(tmp_path, r"printf '\036Aa'; sleep 0.3; printf '\036@'; " + END + "0"),
        PATIENT, Live(listen))
    assert heard[0][1:] == ("A", "a")
    assert heard[-1][0] - heard[0][0] > 0.2


def test_a_hung_emulator_that_ignores_signals(tmp_path: Path) -> None:
    start = time.monotonic()
    result = run(shell(tmp_path, "trap '' TERM INT HUP; echo $$ > pid; echo early; "
                                 "while :; do sleep 5; done"), QUICK)
    assert result.reason is Reason.TIMEOUT
    assert result.status is None
    assert result.exit_code == -signal.SIGKILL
    assert result.console == "early\n"
    assert "0.4 seconds" in result.detail
    assert 0.4 <= time.monotonic() - start < 3
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_hanging_after_the_end_line_is_an_orderly_end(tmp_path: Path) -> None:
    start = time.monotonic()
    result = run(shell(tmp_path, END + "4; sleep 30"), Limits(seconds=20, grace=0.2))
    assert (result.reason, result.status) == (Reason.ENDED, 4)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("where, what", [
    ({}, "console"),
    ({"console": "serial"}, "standard output"),
])
def test_a_flood_of_output(tmp_path: Path, where: dict[str, str], what: str) -> None:
    files = {key: tmp_path / name for key, name in where.items()}
    result = run(shell(tmp_path, END + "0; exec yes", **files),
                 Limits(seconds=20, output=200_000))
    assert result.reason is Reason.FLOOD
    assert result.status is None
    assert what in result.detail
    assert result.exit_code == -signal.SIGKILL
    assert sum(map(len, result.channels.values())) < 2_000_000


@pytest.mark.parametrize("name", ["serial", "log", "trace"])
def test_a_flood_into_a_file(tmp_path: Path, name: str) -> None:
    launch = shell(tmp_path, f"exec yes > {name}", console=tmp_path / "serial",
                   log=tmp_path / "log", trace=tmp_path / "trace")
    result = run(launch, Limits(seconds=20, output=200_000, log=200_000))
    assert result.reason is Reason.FLOOD


def test_a_flood_that_is_over_before_anybody_looks(tmp_path: Path) -> None:
    result = run(shell(tmp_path, "head -c 60000 /dev/zero; " + END + "0"), Limits(output=50_000))
    assert result.reason is Reason.FLOOD


def test_a_flood_of_errors_is_only_cut(tmp_path: Path) -> None:
    launch = shell(tmp_path, "head -c 5000000 /dev/zero >&2; exit 1",
                   explain=lambda code, stderr, log: f"{len(stderr)} bytes")
    assert run(launch, PATIENT).detail == "65536 bytes"


@pytest.mark.parametrize("end", [END + "0", "sleep 30"])
def test_no_child_is_left(tmp_path: Path, end: str) -> None:
    """The grandchild holds the pipes open and ignores polite signals."""
    script = "(trap '' TERM HUP; exec sleep 60) & echo $! > pid; " + end
    start = time.monotonic()
    run(shell(tmp_path, script), QUICK)
    assert time.monotonic() - start < 3
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_the_emulator_dies_with_us(tmp_path: Path) -> None:
    program = ("import pathlib; from nestling.emulator import *; run(Launch(['sh', '-c', "
               f"'echo $$ > pid; exec sleep 60'], pathlib.Path({str(tmp_path)!r})))")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], env=env) as runner:
        deadline = time.monotonic() + 10
        pid_file = tmp_path / "pid"
        while not (pid_file.exists() and pid_file.read_text().endswith("\n")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        runner.kill()
    assert is_gone(int(pid_file.read_text()))


def test_an_exception_on_the_way_leaves_no_child(tmp_path: Path) -> None:
    def listen(channel: str, text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(shell(tmp_path, "echo $$ > pid; echo x; exec sleep 60"), PATIENT, Live(listen))
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_going_down_without_an_end_line(tmp_path: Path) -> None:
    result = run(shell(tmp_path, "echo hello; exit 0"))
    assert (result.reason, result.status) == (Reason.NO_END, None)
    assert "triple fault" in result.detail


def test_an_emulator_that_fails(tmp_path: Path) -> None:
    launch = shell(tmp_path, "echo no such machine >&2; exit 1",
                   explain=lambda code, stderr, log: f"{code}: {stderr}")
    result = run(launch)
    assert (result.reason, result.detail) == (Reason.FAILED, "1: no such machine")
    assert result.exit_code == 1


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no-such-emulator: no such program"):
        run(Launch(["no-such-emulator"], tmp_path))


def test_keystrokes_reach_the_emulator(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"typed\n")
    os.close(theirs)
    try:
        result = run(shell(tmp_path, "read word; echo got $word; " + END + "0"), PATIENT,
                     Live(stdin=ours))
    finally:
        os.close(ours)
    assert result.console == "got typed\nend status=0\n"


def test_without_keystrokes_standard_input_is_empty(tmp_path: Path) -> None:
    assert run(shell(tmp_path, "cat; " + END + "0"), PATIENT).status == 0


def test_stopped_by_the_caller(tmp_path: Path) -> None:
    start = time.monotonic()
    result = run(shell(tmp_path, "exec sleep 60"), Limits(seconds=50, grace=0.1),
                 Live(stop=lambda: time.monotonic() - start > 0.2))
    assert result.reason is Reason.STOPPED
    assert time.monotonic() - start < 5


def test_two_at_once(tmp_path: Path) -> None:
    results: dict[int, Result] = {}

    def one(number: int) -> None:
        script = f"sleep 0.3; printf '\\036A{number}\\n\\036@'; " + END + str(number)
        results[number] = run(shell(tmp_path, script), PATIENT)

    start = time.monotonic()
    threads = [threading.Thread(target=one, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - start < 0.6 + 2
    assert {number: result.status for number, result in results.items()} == {1: 1, 2: 2}
    assert results[2].channels["A"] == "2\n"


def test_the_staging_directory_goes_away() -> None:
    with pytest.raises(RuntimeError):
        with staging() as directory:
            (directory / "file").write_text("x")
            (directory / "sub").mkdir()
            raise RuntimeError
    assert not directory.exists()


def test_nothing_stays_open(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    run(shell(tmp_path, END + "0", monitor=Qmp()), QUICK)
    before = descriptors()
    run(shell(tmp_path, END + "0", monitor=Qmp(), console=tmp_path / "serial"), QUICK)
    with pytest.raises(UserError):
        run(Launch(["no-such-emulator"], tmp_path, monitor=Qmp()))
    assert descriptors() == before


# A QEMU of 25 lines: enough of QMP for class Qmp.
FAKE_QEMU = r"""
import json, os, socket, sys, time
words = " ".join(sys.argv)
qmp = socket.socket(fileno=int(words.split("fd=")[1].split()[0]))
def say(**message):
    qmp.sendall(json.dumps(message).encode() + b"\r\n")
say(QMP={})
print(words, flush=True)
for line in qmp.makefile():
    request = json.loads(line)
    command = request["execute"]
    hmp = request.get("arguments", {}).get("command-line", "")
    print(command, hmp, flush=True)
    answer = {}
    if hmp == "info registers":
        answer = "\r\nCPU#0\r\nRAX=1\r\nRIP=ffffffff80101234 RFL=00000006\r\n"
    say(event="NOISE")
    say(**{"return": answer}, id=request["id"])
    if command == os.environ.get("SHOUT_AFTER"):
        say(event="SHUTDOWN", data={"guest": True, "reason": os.environ["SHOUT"]})
"""


def fake_qemu(directory: Path, qmp: Monitor, **env: str) -> Launch:
    (directory / "qemu.py").write_text(FAKE_QEMU)
    return Launch([sys.executable, "qemu.py"], directory, monitor=qmp, env=env)


def test_qmp_budget_is_armed_before_the_first_instruction(tmp_path: Path) -> None:
    result = run(fake_qemu(tmp_path, Qmp(30_000_000_001), SHOUT_AFTER="cont",
                           SHOUT="guest-shutdown"), PATIENT)
    assert result.reason is Reason.TIMEOUT
    assert "instructions" in result.detail
    assert result.where == 0xFFFFFFFF80101234
    words, *commands = result.console.splitlines()
    assert " -S" in words and "-device isa-ipmi-kcs" in words
    assert (commands[0], commands[21]) == ("qmp_capabilities ", "cont ")
    assert commands[8:11] == [f"human-monitor-command o /b {value}" for value in
                              ("0xca2 45", "0xca3 98", "0xca2 1")]  # 301 * 100 ms
    assert result.seconds < 5


def test_qmp_tells_where_the_machine_hangs(tmp_path: Path) -> None:
    result = run(fake_qemu(tmp_path, Qmp()), QUICK)
    assert result.reason is Reason.TIMEOUT
    assert result.where == 0xFFFFFFFF80101234
    assert " -S" not in result.console.splitlines()[0]


def test_qmp_tells_where_the_machine_fell(tmp_path: Path) -> None:
    launch = fake_qemu(tmp_path, Qmp(), SHOUT_AFTER="qmp_capabilities",
                       SHOUT="guest-reset")
    launch.explain = lambda code, stderr, log: "must not be asked: we killed it ourselves"
    result = run(launch, PATIENT)
    assert result.reason is Reason.NO_END
    assert result.where == 0xFFFFFFFF80101234
    assert result.seconds < 5


def test_an_emulator_that_never_answers(tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "ANSWER_SECONDS", 0.2)
    result = run(shell(tmp_path, "exec sleep 60", monitor=Qmp()), QUICK)
    assert (result.reason, result.where) == (Reason.TIMEOUT, None)
    assert result.seconds < 5


def test_qemu_that_is_started_but_mute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a budget QEMU waits for us; if it never hears us, that is nobody's time-out."""
    monkeypatch.setattr(monitor, "START_SECONDS", 0.1)
    monkeypatch.setattr(monitor, "ANSWER_SECONDS", 0.1)
    with pytest.raises(UserError, match="does not answer"):
        run(shell(tmp_path, "echo $$ > pid; exec sleep 60", monitor=Qmp(1)), PATIENT)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_qemu_that_refuses_its_arguments(tmp_path: Path) -> None:
    launch = shell(tmp_path, "echo bad option >&2; exit 1", monitor=Qmp(1),
                   explain=lambda code, stderr, log: stderr)
    result = run(launch, PATIENT)
    assert (result.reason, result.detail) == (Reason.FAILED, "bad option")


def fake_bochs(directory: Path, body: str, instructions: int | None = None) -> Launch:
    debugger = BochsDebugger(directory, instructions)
    script = ("regs() { printf 'CPU0:\\nrip: ffffffff_80101234\\n'; }; " + body)
    return Launch(["sh", "-c", script, "bochs"], directory, console=directory / "serial",
                  monitor=debugger)


def test_bochs_budget(tmp_path: Path) -> None:
    result = run(fake_bochs(tmp_path, "regs; exit 0", instructions=1000))
    assert (tmp_path / "commands~").read_text() == "sb 1000\nc\nregs\nq\n"
    assert result.reason is Reason.TIMEOUT
    assert "instructions" in result.detail
    assert result.where == 0xFFFFFFFF80101234


def test_bochs_goes_on_after_a_guest_fault(tmp_path: Path) -> None:
    debugger = BochsDebugger(tmp_path, instructions=1000, guest_faults=True)
    debugger.MAX_FAULTS = 2
    body = ("printf 'rip: 00000000_00008000\\n'; printf 'end status=3\\n' > serial;"
            "printf 'rip: ffffffff_80101234\\n'; exit 0")
    result = run(Launch(["sh", "-c", body], tmp_path, console=tmp_path / "serial",
                        monitor=debugger))
    assert (tmp_path / "commands~").read_text().startswith("sb 1000\nc\nregs\nc\nregs\n")
    assert (result.reason, result.status) == (Reason.ENDED, 3)


@pytest.mark.parametrize("guest_faults", [True, False])
def test_bochs_budget_that_is_seen_to_be_gone(tmp_path: Path, guest_faults: bool) -> None:
    debugger = BochsDebugger(tmp_path, instructions=1000, guest_faults=guest_faults)
    body = ("echo '(0) Caught time breakpoint'; sleep 0.1; "
            "printf 'rip: ffffffff_80101234\\neflags 0x2\\n'; sleep 60")
    result = run(Launch(["sh", "-c", body], tmp_path, console=tmp_path / "serial",
                        monitor=debugger))
    assert result.reason is Reason.TIMEOUT and "instructions" in result.detail
    assert result.where == 0xFFFFFFFF80101234
    assert result.seconds < 20


def test_bochs_is_asked_where_it_hangs(tmp_path: Path) -> None:
    body = "trap 'regs; exit 0' INT; while :; do sleep 0.02; done"
    result = run(fake_bochs(tmp_path, body), QUICK)
    assert (tmp_path / "commands~").read_text() == "c\nregs\nq\n"
    assert result.reason is Reason.TIMEOUT
    assert "0.4 seconds" in result.detail
    assert result.where == 0xFFFFFFFF80101234


def test_bochs_tells_where_it_went_down(tmp_path: Path) -> None:
    line = "(0).[5051988] [0x00000010001d] 0008:ffffffff8010001d (unk. ctxt): ud2   ; 0f0b"
    result = run(fake_bochs(tmp_path, f"echo '{line}'; exit 1"))
    assert (result.reason, result.where) == (Reason.NO_END, 0xFFFFFFFF8010001D)

"""cli_run.py: what a person sees, and the exit status."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nestling import cli_run
from nestling.cli_run import Screen, main, trace_table
from nestling.emulator import Launch
from nestling.monitor import Monitor
from nestling.platforms import PLATFORMS, Job, Platform, Probe

ROOT = Path(__file__).resolve().parents[2]


class FakePlatform(Platform):
    """Runs a shell script instead of a machine."""

    key = "tcg"
    isa = "svm"
    script = ""
    where: int | None = None
    log = ""

    def probe(self) -> Probe:
        return Probe(True, isa="svm")

    def launch(self, job: Job, directory: Path) -> Launch:
        monitor = Monitor()
        monitor.where = self.where
        (directory / "log").write_text(self.log)
        return Launch(["sh", "-c", f"words='{job.words}'; {self.script}"], directory,
                      trace=directory / "trace", monitor=monitor, log=directory / "log")


class Terminal(io.StringIO):
    """A place to write to that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(name="fake")
def fake_fixture(monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    fake = FakePlatform()
    monkeypatch.setitem(PLATFORMS, "tcg", fake)
    return fake


@pytest.fixture(name="words")
def words_fixture(tmp_path: Path) -> list[str]:
    """A command line that is all right."""
    (tmp_path / "hv32.elf").write_bytes(b"hv")
    (tmp_path / "a.vm").write_text('vm "one" { }')
    return [str(tmp_path / "a.vm"), "--build", str(tmp_path), "--on", "tcg", "--time", "5"]


@pytest.mark.parametrize("status", [0, 3, 125, 126])
def test_the_exit_status_is_the_end_line(fake: FakePlatform, words: list[str], status: int,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = rf"printf 'boot\n\036Aguest\n\036@'; echo end status={status}"
    assert main(words) == status
    captured = capsys.readouterr()
    assert captured.out == f"boot\nguest\nend status={status}\n"
    assert captured.err == ""


def test_no_end_line(fake: FakePlatform, words: list[str],
                     capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = "echo half a li"
    assert main(words) == 126
    err = capsys.readouterr().err
    assert err.startswith("run: tcg: no end line: ") and err.count("\n") == 1


def test_a_timeout_names_the_place(fake: FakePlatform, words: list[str],
                                   capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = "exec sleep 30"
    fake.where = 0x1234
    assert main([*words, "--time", "0.2"]) == 126
    assert capsys.readouterr().err == (
        "run: tcg: timeout: no end after 0.2 seconds; "
        "the machine was at 0x1234 (not in the hypervisor)\n")


def test_words_and_trace(fake: FakePlatform, words: list[str],
                         capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = 'echo "$words"; echo "x 0 1 0 hlt 8000 0 78 10 1f" > trace; echo end status=0'
    assert main([*words, "--trace", "exits", "--cmdline", "a b"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("trace=exits a b\n")
    assert out.splitlines()[-1].split() == "0 1 0 hlt 8000 0 78 16 15".split()


def test_refused_entries_are_explained(fake: FakePlatform, words: list[str],
                                       capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = "echo end status=1"
    fake.log = "00015532720e[CPU0  ] VMENTER FAIL: VMCS guest invalid CR0\n"
    assert main(words) == 1
    assert "run: tcg: the guest's CR0 has a bit" in capsys.readouterr().err


@pytest.mark.parametrize("change, message", [
    ({0: "absent.vm"}, "absent.vm: No such file or directory"),
    ({2: "absent"}, "absent/hv32.elf: there is no hypervisor yet; run `make`"),
    ({6: "-1"}, "--time -1"),
    ({6: "5", 7: "--memory", 8: "1"}, "--memory 1: between 32 and 2048 MiB"),
])
def test_wrong_usage(words: list[str], change: dict[int, str], message: str,
                     fake: FakePlatform, capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = "echo end status=0"
    words += [""] * (max(change) + 1 - len(words))
    for index, word in change.items():
        words[index] = word
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("run: ") and message in err and err.count("\n") == 1


def test_a_platform_that_is_not_there(words: list[str], fake: FakePlatform,
                                      monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(FakePlatform, "probe",
                        lambda self: Probe(False, "apt install qemu-system-x86"))
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "run: platform tcg is not available: apt install qemu-system-x86\n")


@pytest.mark.parametrize("nests, key", [(True, "kvm"), (False, "tcg")])
def test_the_default_platform(monkeypatch: pytest.MonkeyPatch, nests: bool, key: str) -> None:
    monkeypatch.setattr(type(PLATFORMS["kvm"]), "probe", lambda self: Probe(nests, "no", "svm"))
    monkeypatch.setattr(type(PLATFORMS["tcg"]), "probe", lambda self: Probe(True, "", "svm"))
    assert cli_run.choose_platform(None).key == key


def screen(vms: list[str], *said: tuple[str, str], out: io.StringIO | None = None) -> str:
    """What the screen shows."""
    out = out or io.StringIO()
    shown = Screen(out, vms, None)
    for channel, text in said:
        shown.show(channel, text)
    shown.close()
    return out.getvalue()


def test_one_vm_speaks_plainly() -> None:
    assert screen(["one"], ("@", "boot\n"), ("A", "log"), ("A", "in: ")) == "boot\nlogin: \n"


def test_several_vms_are_named() -> None:
    assert screen(["one", "two"], ("A", "a1\na"), ("B", "b1\n"), ("A", "2\n"), ("@", "x\n")) == (
        "one: a1\none: a\ntwo: b1\none: 2\nx\n")


def test_nobody_breaks_into_a_line() -> None:
    assert screen(["one"], ("A", "gue"), ("@", "hyper\n"), ("A", "st\n")) == "gue\nhyper\nst\n"
    assert screen(["one"], ("@", "hy"), ("A", "guest\n"), ("@", "per\n")) == "guest\nhyper\n"


def test_the_hypervisor_is_dim_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert screen(["one"], ("@", "boot\n"), ("A", "hi\n"), out=Terminal()) == (
        "\x1b[2mboot\x1b[0m\nhi\n")
    monkeypatch.setenv("NO_COLOR", "1")
    assert screen(["one"], ("@", "boot\n"), out=Terminal()) == "boot\n"


def test_panics_get_names(tmp_path: Path) -> None:
    class FakeSymbols:
        """Knows one address."""

        def describe(self, address: int, is_return: bool = False) -> str:
            return "panic+0x1 core/panic.c:9" if is_return and address == 0x10 else ""

    out = io.StringIO()
    shown = Screen(out, [], FakeSymbols())  # type: ignore[arg-type]
    for piece in ("panic: oh\n  at 0x", "10\n  at", " 0x20\n"):
        shown.show("@", piece)
    shown.close()
    assert out.getvalue() == "panic: oh\n  at 0x10  panic+0x1 core/panic.c:9\n  at 0x20\n"


def test_a_broken_trace_line_is_shown_as_it_is() -> None:
    assert trace_table(["x 0 1"]).splitlines()[1] == "x 0 1"


def test_gdb_gets_its_command(words: list[str], fake: FakePlatform, tmp_path: Path,
                              capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g.elf").write_bytes(b"")
    (tmp_path / "a.vm").write_text('vm "one" { kernel "g.elf" }')
    fake.script = "echo end status=0"
    assert main([*words, "--gdb", "4321"]) == 0
    err = capsys.readouterr().err
    assert f"gdb -q -iex 'set confirm off' {tmp_path}/hv.elf " in err
    assert "-ex 'target remote localhost:4321'" in err
    assert f"add-symbol-file {tmp_path}/g.elf" in err


@pytest.mark.parametrize("script", ["run", "mkimage"])
def test_the_launchers(script: str, tmp_path: Path) -> None:
    """They work from anywhere, and a user never sees a traceback."""
    def call(*words: str) -> Any:
        return subprocess.run([ROOT / "scripts" / script, *words], cwd=tmp_path, text=True,
                              capture_output=True, check=False,
                              env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"})
    assert "usage: " + script in call("--help").stdout
    wrong = call("absent.vm", *(["-o", "x.img"] if script == "mkimage" else ["--on", "tcg"]))
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr

"""platforms.py: commands, probes, and what an emulator's death means."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nestling import platforms
from nestling.emulator import Launch
from nestling.errors import UserError
from nestling.image import Module
from nestling.monitor import Monitor, Qmp
from nestling.platforms import (PLATFORMS, Job, bochsrc, explain_bochs, explain_qemu,
                                is_bochs_news, platform_named, probe_bochs, probe_kvm)


def launch(key: str, directory: Path, **more: Any) -> Launch:
    """The launch of a job with two modules."""
    modules = tuple(Module(directory / name, name) for name in ("a.vm", "hello.elf"))
    (directory / "stage").mkdir(exist_ok=True)
    job = Job(directory / "hv32.elf", directory / "bootsect.bin", modules, "trace=exits", **more)
    made = PLATFORMS[key].launch(job, directory / "stage")
    made.monitor.finish("")
    return made


def option(argv: list[str], name: str) -> str:
    """The value of an option that must be there exactly once."""
    assert argv.count(name) == 1
    return argv[argv.index(name) + 1]


def test_tcg(tmp_path: Path) -> None:
    made = launch("tcg", tmp_path, memory=512)
    argv = made.argv
    assert option(argv, "-accel") == "tcg" and option(argv, "-cpu") == "max"
    assert option(argv, "-m") == "512" and option(argv, "-smp") == "1"
    assert option(argv, "-kernel") == "hv~"
    assert (made.directory / "hv~").readlink() == tmp_path / "hv32.elf"
    assert option(argv, "-append") == "trace=exits end=qemu"
    assert option(argv, "-initrd") == "a.vm,hello.elf"
    assert option(argv, "-icount") == "shift=0,sleep=off"
    assert option(argv, "-debugcon") == f"file:{made.trace.name if made.trace else ''}"
    assert "-d" not in argv and made.log is None
    assert isinstance(made.monitor, Qmp)


def test_tcg_with_a_witness(tmp_path: Path) -> None:
    made = launch("tcg", tmp_path, witness=True)
    assert option(made.argv, "-d") == "in_asm"
    assert option(made.argv, "-D") == (made.log.name if made.log else "")
    assert made.keep("vmexit(00000072, 0, 0, 0)!\n") and not made.keep("vmrun! 0\n")
    assert made.keep("Injecting(0): INTRvmexit(00000400, 0, 0, 0)!\n")


def test_tcg_for_gdb_and_for_people(tmp_path: Path) -> None:
    argv = launch("tcg", tmp_path, gdb=1234).argv
    assert option(argv, "-gdb") == "tcp:127.0.0.1:1234"
    assert "-S" in argv and "-no-reboot" in argv and "-icount" not in argv
    (tmp_path / "stage" / "hv~").unlink()
    assert "-icount" not in launch("tcg", tmp_path, interactive=True).argv


def test_kvm(tmp_path: Path) -> None:
    argv = launch("kvm", tmp_path, witness=True).argv
    assert option(argv, "-accel") == "kvm" and option(argv, "-cpu") == "host"
    assert "-icount" not in argv and "-d" not in argv


def test_unknown_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tcg has no CPU model 'i486'; it has: max, "):
        launch("tcg", tmp_path, model="i486")


@pytest.mark.parametrize("key, model, expected", [
    ("bochs-vmx", "", "corei7_skylake_x"),
    ("bochs-vmx", "corei7_haswell_4770", "corei7_haswell_4770"),
    ("bochs-svm", "", "ryzen"),
])
def test_bochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, model: str,
               expected: str) -> None:
    calls: list[tuple[Any, ...]] = []

    def make_image(*words: Any) -> Any:
        calls.append(words)
        return type("Image", (), {"cylinders": 7})

    monkeypatch.setattr(platforms, "make_image", make_image)
    made = launch(key, tmp_path, model=model, instructions=5000)
    stage = tmp_path / "stage"
    assert calls[0][0] == stage / "image~"
    tick = " tick=nmi" if key == "bochs-svm" else ""
    assert calls[0][3] == "trace=exits end=bochs" + tick
    assert [module.string for module in calls[0][4]] == ["a.vm", "hello.elf"]
    config = (stage / "bochsrc~").read_text()
    assert f"cpu: model={expected}, " in config
    assert "cylinders=7, heads=16, spt=63" in config
    assert made.argv[:4] == ["bochs", "-q", "-f", "bochsrc~"]
    assert made.env["TERM"] == "dumb"
    assert made.console == stage / "serial~" and made.trace is None
    assert (stage / made.monitor.arguments()[1]).read_text().startswith("sb 5000\n")


def test_bochs_debug_log_only_for_a_witness() -> None:
    assert "debug: action=ignore\n" in bochsrc("ryzen", 256, 1, False)
    assert "debug: action=ignore, cpu0=report\n" in bochsrc("ryzen", 256, 1, True)
    assert "memory: guest=512, host=512\n" in bochsrc("ryzen", 512, 1, True)


def test_bochs_outlives_only_the_faults_of_svm_guests() -> None:
    assert "panic: action=fatal\n" in bochsrc("corei7_skylake_x", 256, 1, False)
    assert "panic: action=fatal, cpu0=report\n" in bochsrc("ryzen", 256, 1, False, True)


def test_bochs_has_no_gdb(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no gdb server"):
        launch("bochs-vmx", tmp_path, gdb=1)


@pytest.mark.parametrize("line, wanted", [
    ("00006425500d[CPU0  ] SVM VMEXIT reason=114 exitinfo1=0 exitinfo2=0", True),
    ("00011808926d[CPU0  ] VMENTER to x86-64 guest", True),
    ("00015532720e[CPU0  ] VMENTER FAIL: VMCS guest invalid CR0", True),
    ("00135271810p[UNMAP ] >>PANIC<< Shutdown port: shutdown requested", True),
    ("00011808927d[CPU0  ] EPT walk for guest paddr 0x000000109000", False),
    ("00000940705i[CPU0  ] temporary disable VMX", False),
])
def test_bochs_lines_worth_keeping(line: str, wanted: bool) -> None:
    assert is_bochs_news(line) is wanted


@pytest.mark.parametrize("code, stderr, log, sentence", [
    (1, "", "0p[UNMAP ] >>PANIC<< Shutdown port: shutdown requested\n", ""),
    (1, "", "0p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception with no resolution\n", ""),
    (1, "", "0p[HD    ] >>PANIC<< could not open hard drive image\n",
     "Bochs gave up: could not open hard drive image"),
    (-6, "", "", "Bochs was killed by SIGABRT"),
    (1, "line one\nbochsrc:3: no such option\n======\n", "",
     "Bochs ended with status 1: bochsrc:3: no such option"),
])
def test_why_bochs_ended(code: int, stderr: str, log: str, sentence: str) -> None:
    assert explain_bochs(code, stderr, log) == sentence


@pytest.mark.parametrize("code, stderr, sentence", [
    (0, "", ""),
    (33, "a warning", ""),
    (1, "", ""),
    (1, "a warning\nqemu: no such file", "QEMU could not start: qemu: no such file"),
    (-6, "qemu: assertion failed", "QEMU was killed by SIGABRT: qemu: assertion failed"),
    (-11, "", "QEMU was killed by SIGSEGV: it gave no reason"),
])
def test_why_qemu_ended(code: int, stderr: str, sentence: str) -> None:
    assert explain_qemu(code, stderr, "") == sentence


@pytest.mark.parametrize("features, isa", [
    ({"svm": True, "npt": True, "vmx": False}, "svm"),
    ({"vmx": True, "vmx-ept": True, "svm": False}, "vmx"),
    ({"vmx": False, "svm": False}, ""),
    ({"svm": True, "npt": False}, ""),
    ({"vmx": True, "vmx-ept": False}, ""),
    ({}, ""),
])
def test_kvm_counts_only_when_it_nests(monkeypatch: pytest.MonkeyPatch, features: dict[str, bool],
                                       isa: str) -> None:
    monkeypatch.setattr(platforms.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(platforms.Path, "exists", lambda path: True)
    monkeypatch.setattr(platforms.os, "access", lambda path, mode: True)
    probe = probe_kvm(lambda argv, command: {"return": {"model": {"props": features}}})
    assert (probe.ok, probe.isa) == (bool(isa), isa)
    assert probe.ok or "neither SVM nor VMX" in probe.reason


def test_kvm_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(platforms.Path, "exists", lambda path: True)
    monkeypatch.setattr(platforms.os, "access", lambda path, mode: True)
    probe = probe_kvm(lambda argv, command: {"error": {"desc": "no kernel module"}})
    assert not probe.ok and "no kernel module" in probe.reason


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms.shutil, "which", lambda name: None)
    assert "apt install qemu-system-x86" in PLATFORMS["tcg"].probe().reason
    assert "apt install bochs bochs-term bochsbios" in probe_bochs.__wrapped__("vmx").reason
    assert "apt install qemu-system-x86" in probe_kvm.__wrapped__().reason
    with pytest.raises(UserError, match="platform tcg is not available: .*apt install"):
        platform_named("tcg")


def test_a_platform_that_does_not_exist() -> None:
    with pytest.raises(UserError, match="no platform 'vax'; there are: tcg, bochs-vmx"):
        platform_named("vax")


def test_keys_and_instruction_sets() -> None:
    assert {key: platform.isa for key, platform in PLATFORMS.items() if key != "kvm"} == {
        "tcg": "svm", "bochs-vmx": "vmx", "bochs-svm": "svm"}
    assert all(platform.key == key for key, platform in PLATFORMS.items())
    assert isinstance(Launch([], Path()).monitor, Monitor)


@pytest.mark.skipif(not shutil.which("bochs"), reason="there is no Bochs here")
def test_bochs_has_the_models_that_we_offer() -> None:
    done = subprocess.run(["bochs", "-help", "cpu"], capture_output=True, text=True, check=False)
    for key in ("bochs-vmx", "bochs-svm"):
        assert set(PLATFORMS[key].models) <= set(done.stderr.split())

"""The machines that Nestling runs on: QEMU and Bochs, each with its way to be started.

Every platform has the hypervisor's serial line, port 0xE9 for the trace, an orderly end, and on
request a *witness*: the emulator's own record of VM exits, which the code under test can't forge.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nestling.emulator import Launch
from nestling.errors import UserError
from nestling.image import Module, make_image
from nestling.monitor import BochsDebugger, Monitor, Qmp

QEMU = "qemu-system-x86_64"
QBOOT = Path("/usr/share/qemu/qboot.rom")
BOCHS_BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
BOCHS_VGA_BIOS = Path("/usr/share/bochs/VGABIOS-lgpl-latest")
PROBE_SECONDS = 10.0

# Files of a run, beside those of the VMs, none of which is called so: see NAME in boot.py.
SERIAL, TRACE, LOG, IMAGE = "serial~", "trace~", "log~", "image~"
HYPERVISOR, BOCHSRC = "hv~", "bochsrc~"


@dataclass(frozen=True)
class Probe:
    """Can a platform run here? If not, `reason` says why and what to do, in one sentence."""

    ok: bool
    reason: str = ""
    isa: str = ""  # "svm" or "vmx"


@dataclass(frozen=True)
class Job:
    """What to boot. `modules` are in the staging directory, named as the hypervisor sees them."""

    hv: Path  # hv32.elf
    bootsect: Path  # bootsect.bin; only Bochs needs it
    modules: tuple[Module, ...]
    words: str = ""  # for the hypervisor's command line
    memory: int = 256  # MiB
    witness: bool = False
    instructions: int | None = None  # stop the machine after so many
    gdb: int | None = None  # TCP port; wait for a debugger there before the first instruction
    interactive: bool = False  # a person is watching: the machine's time is real time
    model: str = ""  # CPU model, for platforms that have several


class Platform(ABC):
    """One kind of machine."""

    key: str
    title: str
    deterministic = True  # does every run take the same instructions?
    has_witness = True
    takes_input = True
    takes_gdb = True
    models: tuple[str, ...] = ()  # the first is the default

    @property
    @abstractmethod
    def isa(self) -> str:
        """"svm" or "vmx"; "" where that depends on a machine that has neither."""

    @abstractmethod
    def probe(self) -> Probe:
        """Whether the platform works here. Quick, and done once."""

    @abstractmethod
    def launch(self, job: Job, directory: Path) -> Launch:
        """Everything that emulator.run() needs; writes files only into `directory`."""

    def model(self, job: Job) -> str:
        """The CPU model to use. Raises UserError if the platform doesn't have it."""
        if not job.model:
            return self.models[0] if self.models else ""
        if job.model not in self.models:
            known = ", ".join(self.models) or "no models to choose from"
            raise UserError(f"{self.key} has no CPU model {job.model!r}; it has: {known}")
        return job.model


class Qemu(Platform):
    """What both uses of QEMU have in common."""

    icount = False  # count instructions: deterministic, and a budget can be kept

    @abstractmethod
    def cpu(self, job: Job) -> list[str]:
        """The words that choose accelerator and CPU."""

    def launch(self, job: Job, directory: Path) -> Launch:
        icount = self.icount and not job.interactive and job.gdb is None
        (directory / HYPERVISOR).symlink_to(job.hv.resolve())  # its name is in the command line
        argv = [QEMU, *self.cpu(job), "-machine", "q35", "-smp", "1", "-m", str(job.memory),
                "-nodefaults", "-display", "none", "-monitor", "none",
                "-serial", "stdio", "-debugcon", f"file:{TRACE}",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                "-kernel", HYPERVISOR, "-append", f"{job.words} end=qemu".strip()]
        if job.modules:
            argv += ["-initrd", ",".join(module.string for module in job.modules)]
        if QBOOT.exists():
            argv += ["-bios", str(QBOOT)]
        if icount:
            argv += ["-icount", "shift=0,sleep=off", "-rtc", "base=2000-01-01,clock=vm"]
        if job.witness and self.has_witness:
            # The log is for instructions in a range where none are. The VM exits stay in it.
            argv += ["-d", "in_asm", "-dfilter", "0xfffffffffffff000+0x10", "-D", LOG]
        monitor = Monitor()
        if job.gdb is not None:
            argv += ["-no-reboot", "-S", "-gdb", f"tcp:127.0.0.1:{job.gdb}"]
        else:
            monitor = Qmp(job.instructions if icount else None)
        return Launch(argv, directory, trace=directory / TRACE, monitor=monitor,
                      log=directory / LOG if job.witness and self.has_witness else None,
                      keep=lambda line: "vmexit(" in line, explain=explain_qemu)


class Tcg(Qemu):
    """QEMU without hardware help: SVM on any machine. The default of the AMD track."""

    key = "tcg"
    title = "QEMU, emulated AMD CPU"
    icount = True
    # Everything; what the labs need and no more; without nested paging; without SVM.
    models = ("max", "qemu64,+svm,+npt", "qemu64,+svm", "qemu64,-svm")
    isa = "svm"

    def cpu(self, job: Job) -> list[str]:
        return ["-accel", "tcg", "-cpu", self.model(job)]

    def probe(self) -> Probe:
        if not shutil.which(QEMU):
            return Probe(False, f"{QEMU} is missing: apt install qemu-system-x86")
        return Probe(True, isa="svm")


class Kvm(Qemu):
    """QEMU on real hardware, one level down: fast, and as strict as only hardware is."""

    key = "kvm"
    title = "QEMU/KVM, nested on this computer's CPU"
    deterministic = False
    has_witness = False

    @property
    def isa(self) -> str:
        return self.probe().isa

    def cpu(self, job: Job) -> list[str]:
        return ["-accel", "kvm", "-cpu", "host"]

    def probe(self) -> Probe:
        return probe_kvm()


class Bochs(Platform):
    """Bochs: slow, exact, and talkative about VM entries that it refuses."""

    takes_input = False
    takes_gdb = False
    memory_option = ""
    guest_faults = False  # see BochsDebugger
    words = ""  # for the hypervisor's command line

    def probe(self) -> Probe:
        return probe_bochs(self.isa)

    def launch(self, job: Job, directory: Path) -> Launch:
        if job.gdb is not None:
            raise UserError(f"{self.key}: Bochs has no gdb server; use --on tcg")
        image = make_image(directory / IMAGE, job.hv, job.bootsect,
                           f"{job.words} end=bochs {self.words}".strip(), job.modules)
        (directory / BOCHSRC).write_text(
            bochsrc(self.model(job), job.memory, image.cylinders, job.witness,
                    self.guest_faults), encoding="ascii")
        return Launch(["bochs", "-q", "-f", BOCHSRC], directory, console=directory / SERIAL,
                      log=directory / LOG, keep=is_bochs_news, explain=explain_bochs,
                      monitor=BochsDebugger(directory, job.instructions, self.guest_faults,
                                            directory / LOG if job.witness else None),
                      env={"TERM": "dumb", "TZ": "UTC"})


class BochsVmx(Bochs):
    """An Intel CPU with EPT and unrestricted guests: the platform of the Intel track."""

    key = "bochs-vmx"
    title = "Bochs, emulated Intel CPU"
    isa = "vmx"
    # The last three: EPT but no unrestricted guests; VMX without EPT; no VMX.
    models = ("corei7_skylake_x", "corei7_haswell_4770", "corei7_icelake_u",
              "corei5_lynnfield_750", "core2_penryn_t9600", "p4_prescott_celeron_336")


class BochsSvm(Bochs):
    """An AMD CPU again: SVM by other authors than QEMU's, and with next-RIP save."""

    key = "bochs-svm"
    title = "Bochs, emulated AMD CPU"
    isa = "svm"
    models = ("ryzen",)
    guest_faults = True
    words = "tick=nmi"  # Bochs 2.7 forgets interrupts while a guest has them off


PLATFORMS: dict[str, Platform] = {
    platform.key: platform for platform in (Tcg(), BochsVmx(), BochsSvm(), Kvm())}


def platform_named(key: str) -> Platform:
    """The platform, if it can run here. Raises UserError with the reason if it can't."""
    platform = PLATFORMS.get(key)
    if platform is None:
        raise UserError(f"no platform {key!r}; there are: {', '.join(PLATFORMS)}")
    probe = platform.probe()
    if not probe.ok:
        raise UserError(f"platform {key} is not available: {probe.reason}")
    return platform


def bochsrc(model: str, memory: int, cylinders: int, witness: bool,
            guest_faults: bool = False) -> str:
    """Bochs's configuration file. Its `debug` level is the witness: it names every VM exit.

    `guest_faults`: a CPU's panic, which is how Bochs treats a triple fault, does not end Bochs.

    A tick of the machine is an instruction, and `ips` of them are a second. The serial line takes
    its time for each character, and the hypervisor waits for it: the slower the CPU is said to be,
    the less it has to do. One much slower couldn't measure its TSC (hv/core/clock.c).
    """
    return f"""\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=0, parallel=0, serial=1, e1000=0
memory: guest={memory}, host={memory}
romimage: file={BOCHS_BIOS}, options=fastboot
vgaromimage: file={BOCHS_VGA_BIOS}
display_library: term
ata0-master: type=disk, path={IMAGE}, mode=flat, cylinders={cylinders}, heads=16, spt=63
boot: disk
log: {LOG}
panic: action=fatal{', cpu0=report' if guest_faults else ''}
error: action=report
info: action=report
debug: action=ignore{", cpu0=report" if witness else ""}
com1: enabled=1, mode=file, dev={SERIAL}
port_e9_hack: enabled=1
clock: sync=none, time0=946684800
cpu: model={model}, count=1, ips=10000000, reset_on_triple_fault=0
"""


def is_bochs_news(line: str) -> bool:
    """Is this line of Bochs's log about virtualization, or about trouble?"""
    level = line[11:12]
    return level in ("e", "p") or (level == "d" and ("VMEXIT" in line or "VMENTER" in line))


def explain_bochs(exit_code: int, stderr: str, log: str) -> str:
    """Why Bochs ended without an end line, if that is Bochs's fault; else ""."""
    panics = [line.split(">>PANIC<<", 1)[1].strip() for line in log.splitlines()
              if ">>PANIC<<" in line]
    if any("exception with no resolution" in panic or "Shutdown port" in panic
           for panic in panics):
        return ""
    if panics:
        return f"Bochs gave up: {panics[0]}"
    if exit_code < 0:
        return f"Bochs was killed by {signal.Signals(-exit_code).name}"
    lines = [line for line in stderr.splitlines() if line.strip("= ")]
    return f"Bochs ended with status {exit_code}: {lines[-1] if lines else 'it gave no reason'}"


def explain_qemu(exit_code: int, stderr: str, log: str) -> str:
    """Why QEMU ended without an end line, if that is QEMU's fault; else ""."""
    lines = stderr.splitlines()
    last = lines[-1] if lines else "it gave no reason"
    if exit_code < 0:
        return f"QEMU was killed by {signal.Signals(-exit_code).name}: {last}"
    if exit_code == 1 and lines:  # without a word it was a 0 in the port that ends the machine
        return f"QEMU could not start: {last}"
    return ""


@functools.cache
def probe_bochs(isa: str) -> Probe:
    """Look for what the Debian packages bochs, bochs-term, bochsbios bring."""
    if not shutil.which("bochs"):
        return Probe(False, "bochs is missing: apt install bochs bochs-term bochsbios vgabios")
    if not BOCHS_BIOS.exists() or not BOCHS_VGA_BIOS.exists():
        return Probe(False, "the BIOS for Bochs is missing: apt install bochsbios vgabios")
    plugins = [path for folder in ("/usr/lib", "/usr/local/lib")
               for pattern in ("bochs/plugins/libbx_term*", "*/bochs/plugins/libbx_term*")
               for path in Path(folder).glob(pattern)]
    if not plugins:
        return Probe(False, "Bochs's terminal display is missing: apt install bochs-term")
    return Probe(True, isa=isa)


def ask_qemu(argv: list[str], command: dict[str, Any]) -> dict[str, Any]:
    """Start QEMU, ask one QMP question, end it. The answer, or {"error": ...}."""
    script = "".join(json.dumps(request) + "\n" for request in (
        {"execute": "qmp_capabilities"}, {**command, "id": "question"}, {"execute": "quit"}))
    try:
        process = subprocess.run(
            [QEMU, *argv, "-nodefaults", "-display", "none", "-qmp", "stdio"], input=script,
            capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"error": {"desc": "QEMU doesn't answer"}}
    for line in process.stdout.splitlines():
        answer: dict[str, Any] = json.loads(line)
        if answer.get("id") == "question":
            return answer
    return {"error": {"desc": process.stderr.strip().splitlines()[-1:] or "no answer"}}


@functools.cache
def probe_kvm(ask: Callable[[list[str], dict[str, Any]], dict[str, Any]] = ask_qemu) -> Probe:
    """Does KVM here pass a whole virtualization extension on to its guests?

    That /dev/kvm opens says nothing: it may well be there and not nest. So QEMU is asked what
    the CPU model `host` would have.
    """
    if not shutil.which(QEMU):
        return Probe(False, f"{QEMU} is missing: apt install qemu-system-x86")
    if not Path("/dev/kvm").exists():
        return Probe(False, "there is no /dev/kvm: this computer has no hardware virtualization, "
                            "or it is switched off in the firmware")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Probe(False, "/dev/kvm may not be opened: add yourself to the group kvm")
    answer = ask(["-machine", "none", "-accel", "kvm"],
                 {"execute": "query-cpu-model-expansion",
                  "arguments": {"type": "full", "model": {"name": "host"}}})
    if "error" in answer:
        return Probe(False, f"KVM does not work here: {answer['error'].get('desc')}")
    features = answer["return"]["model"]["props"]
    if features.get("svm") and features.get("npt"):
        return Probe(True, isa="svm")
    if features.get("vmx") and features.get("vmx-ept"):
        return Probe(True, isa="vmx")
    return Probe(False, "KVM here passes neither SVM nor VMX on to its guests: switch nesting on "
                        "(kvm_amd.nested=1, kvm_intel.nested=1) where there is real hardware")

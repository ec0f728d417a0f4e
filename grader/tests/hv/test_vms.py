"""VMs side by side: they run, they end in every way, and none disturbs another."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hv.conftest import BUILD, Machine, observations, vm
from nestling import cli_run
from nestling.boot import VmFile, boot
from nestling.emulator import Limits, Live, Reason, Result
from nestling.platforms import PLATFORMS

M64 = 2**64
SEED = 20240229


def canary(seed: int, rounds: int) -> int:
    """What guest/canary.64.c prints."""
    table = [0] * 256
    x = seed
    for _ in range(rounds):
        x = (x * 6364136223846793005 + 1442695040888963407) % M64
        table[x >> 56] ^= x
    for entry in table:
        x = (x ^ entry) * 0x100000001b3 % M64
    return x


def canary_vm(name: str, seed: int) -> str:
    return vm(name, "canary.64", memory="2M", args=f"{seed} 3000")


def assert_canary(text: str, seed: int) -> None:
    assert int(observations(text)["canary"], 16) == canary(seed, 3000)


def test_status_is_what_the_guest_wrote(machine: Machine) -> None:
    for status, seen in ((0, 0), (7, 7), (125, 125), (126, 125), (0xffffffff, 125)):
        result = machine.run(vm("a", "hello.64", args=f"{status} 0"))
        assert result.status == seen
        assert result.channels["A"] == "Hello from a virtual machine.\n"


def test_interrupts_wait_for_their_window(machine: Machine) -> None:
    result = machine.run(vm("events", "events.64", memory="2M", args="0x5eed 0"))
    seen = observations(result.channels["A"])
    if machine.platform.key == "bochs-svm":  # its #DB exit comes before DR6 is up to date
        seen["dr6"] = "0xffff4ff0"
    assert seen == {
        "nonce": "0x5eed", "window": ".I.", "open": "I.", "shadow": ".I", "nmi": "NnNn.",
        "ud": "U.", "gp": "G.", "error": "0x0", "db": "DDD.", "dr6": "0xffff4ff0"}


# What guest/fault.64.c does, and what ends it.
FAULTS = {0: "shutdown", 1: "memory", 2: "memory", 3: "budget", 4: "halt", 5: "insn",
          6: "shutdown"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_ends_only_its_own_vm(machine: Machine, fault: int) -> None:
    result = machine.run(canary_vm("before", SEED)
                         + vm("bad", "fault.64", memory="2M", args=f"{fault} 0", budget=3000000,
                              devices="{ serial pic pit probe exit }")
                         + canary_vm("after", SEED + 1))
    assert f"vm bad stopped reason={FAULTS[fault]} " in result.console
    assert_canary(result.channels["A"], SEED)
    assert result.channels["B"] == "here I go\n"
    assert_canary(result.channels["C"], SEED + 1)


def test_a_crash_is_no_success(machine: Machine) -> None:
    assert machine.run(vm("bad", "fault.64", memory="2M", args="0 0")).status == 125


def test_out_of_a_byte_writes_a_byte(machine: Machine) -> None:
    assert machine.run(vm("a", "fault.64", memory="2M", args="7 0")).status == 7


def test_hlt_sleeps_on_while_interrupts_are_off(machine: Machine) -> None:
    result = machine.run(vm("a", "fault.64", memory="2M", args="8 0"))
    assert "vm a stopped reason=halt status=0 " in result.console


def test_a_refusal_always_comes_with_a_sentence(machine: Machine) -> None:
    """QEMU's TCG refuses to go on where a CPU would raise #GP, although no rule is broken."""
    result = machine.run(vm("a", "fault.64", memory="2M", args="9 0"))
    if "reason=refused" in result.console:
        assert "vm a refused: VMEXIT_INVALID, but none of the rules" in result.console
    else:
        assert "vm a stopped reason=shutdown " in result.console


def test_a_guest_cannot_speak_for_another(machine: Machine) -> None:
    """The forger prints the byte that switches channels, and an end line."""
    result = machine.run(vm("forger", "forger.64", memory="2M", args="3 0"))
    assert result.status == 3
    assert result.channels["A"] == "@end status=0\nBstill me\n"


def test_the_narrow_door_refuses_what_it_should(machine: Machine) -> None:
    result = machine.run(vm("a", "hello.64"), "audit selftest=api")
    complaints = [line for line in result.console.splitlines() if line.startswith("selftest api")]
    assert complaints == ["selftest api passed"]


def test_random_guests_leave_nothing_behind(machine: Machine) -> None:
    """GUESTS guests of random bytes in each start mode; then a canary, and a count of pages."""
    guests = int(os.environ.get("GUESTS", "50"))
    seed = int(os.environ.get("SEED", "1"))
    result = machine.run(canary_vm("canary", SEED), f"selftest=random:{seed}:{guests}")
    assert f"selftest random guests={3 * guests} free" in result.console
    assert_canary(result.channels["A"], SEED)
    assert result.status == 0 and "panic" not in result.console


@pytest.mark.parametrize("text, message", [
    ("", '1:1: expected "vm", found the end of the file'),
    ('vm "a" {\n  memory 5\n}', "2:10: expected a multiple of 4K, found the number 5"),
    ('vm "a" {\n  kernel "hello.64.elf"\n  mode fast }',
     '3:8: expected real, protected or long, found the word "fast"'),
    ('vm "a" { kernel "hello.64.elf" memory 64K args 1 }',
     '1:50: expected a second number, found "}"'),
    ('vm "a" { kernel "hello.64.elf" late 0 4K }',
     "1:32: expected late from 0x400000 on, the end of memory, found 0x0"),
])
def test_a_bad_vm_file_is_refused_with_its_place(text: str, message: str, tmp_path: Path,
                                                 capfd: pytest.CaptureFixture[str]) -> None:
    """The same is said without booting."""
    result = Machine("tcg").run(text)
    assert f"test.vm:{message}\n" in result.console
    assert result.status == 126
    (tmp_path / "test.vm").write_text(text)
    assert cli_run.main(["--check", "--build", str(BUILD), str(tmp_path / "test.vm")]) == 1
    assert capfd.readouterr().err == f"{tmp_path}/test.vm:{message}\n"


def test_too_much_memory() -> None:
    result = Machine("tcg").run('vm "a" { kernel "hello.64.elf" memory 100G }')
    assert "not enough host memory" in result.console
    assert result.status == 126


def test_timer_interrupts_come_in_time_asleep_and_awake(machine: Machine) -> None:
    result = machine.run(vm("a", "timer.64", memory="2M", args="6 30000")
                         + canary_vm("beside", SEED))
    seen = {key: int(value, 16) for key, value in observations(result.channels["A"]).items()}
    assert (seen["came"], seen["early"]) == (6, 0)
    assert_canary(result.channels["B"], SEED)


def test_a_timer_is_not_late(machine: Machine) -> None:
    result = machine.run(vm("a", "timer.64", memory="2M", args="6 30000"))
    assert int(observations(result.channels["A"])["late"], 16) < 5000


@pytest.mark.parametrize("what, order", [(0, "I"), (1, "T"), (2, "U")])
def test_an_event_whose_delivery_faults_is_delivered_once(machine: Machine, what: int,
                                                          order: str) -> None:
    if what == 1 and machine.platform.key == "bochs-svm":
        pytest.skip("Bochs 2.7 reports INT n in EXITINTINFO as an interrupt with vector 0")
    result = machine.run(vm("a", "late.64", memory="2M", late="0x40000000 64K",
                            args=f"0x40000000 {what}"))
    assert observations(result.channels["A"]) == {"order": order}


def test_the_control_block_before_an_entry(machine: Machine) -> None:
    """The third entry of a guest that was interrupted: the event is in the control block."""
    result = machine.run(vm("a", "late.64", memory="2M", late="0x40000000 64K",
                            args="0x40000000 2"), "until=entry:2")
    name = "eventinj" if machine.isa == "svm" else "VM_ENTRY_INTERRUPTION_INFO"
    info = int(re.findall(rf"^see {name}=0x(\w+)$", result.console, re.MULTILINE)[0], 16)
    # An exception comes again by itself on AMD, where EXITINTINFO does not have it on TCG.
    assert info in (0, 0x80000306) if machine.platform.key == "tcg" else info == 0x80000306


def test_a_guest_lives_by_the_timer_of_a_pc(machine: Machine) -> None:
    """Its ticks take as long as its own measurement says; and a HLT that nothing ends is told."""
    result = machine.run(vm("a", "ticks.64", memory="2M", args="20 1193"))
    seen = {key: int(value, 16) for key, value in observations(result.channels["A"]).items()}
    assert (seen["first"], seen["count"]) == (1, 20)
    assert 990 < seen["per_mille"] < 1010
    assert "vm a stopped reason=halt" in result.console


@pytest.mark.parametrize("trigger", [0, 1])
def test_guests_hear_what_is_typed(trigger: int) -> None:
    """By interrupts, without and with a FIFO. Ctrl-A and a letter choose who hears it."""
    seen = {"A": "", "B": ""}
    steps = [(lambda: "ends it\n" in seen["A"] and "ends it\n" in seen["B"], b"\x01buvq"),
             (lambda: "interrupted" in seen["B"], b"x\x01\x01yq")]
    reader, writer = os.pipe()

    def listen(channel: str, text: str) -> None:
        seen[channel] = seen.get(channel, "") + text
        if steps and steps[0][0]():
            os.write(writer, steps.pop(0)[1])

    text = "".join(vm(name, "echo.64", memory="2M", args=f"{trigger} 0") for name in "ab")
    result = boot(PLATFORMS["tcg"], VmFile("test.vm", text), BUILD, limits=Limits(seconds=300),
                  live=Live(listen, reader))
    os.close(reader)
    os.close(writer)
    assert result.reason is Reason.ENDED, result.detail
    assert result.channels["B"] == "type, please: q ends it\nuvq\ninterrupted=0x1\n"
    assert result.channels["A"] == "type, please: q ends it\nx\x01yq\ninterrupted=0x1\n"
    assert "input goes to vm b" in result.console


def numbers(result: Result) -> dict[str, int]:
    """What the first VM observed."""
    return {key: int(value, 16) for key, value in observations(result.channels["A"]).items()}


# CPUID's feature bits: leaf 1 ECX and EDX, leaf 7 EBX, leaf 8000_0001 EDX. SDM vol. 2, CPUID.
XSAVE, OSXSAVE, AVX, FMA, F16C, HYPERVISOR = 1 << 26, 1 << 27, 1 << 28, 1 << 12, 1 << 29, 1 << 31
NOT_OFFERED_ECX = 1 << 3 | 1 << 5 | 1 << 6 | 1 << 21 | 1 << 24  # MONITOR VMX SMX x2APIC deadline
NOT_OFFERED_EDX = 1 << 7 | 1 << 9 | 1 << 12 | 1 << 14 | 1 << 28  # MCE APIC MTRR MCA HTT
AVX2, AVX512F = 1 << 5, 1 << 16
AMD_AGAIN = 0x0183F3FF  # what AMD has in both leaves


def test_what_a_cpu_says_of_itself_fits_together(machine: Machine) -> None:
    """CPUID's leaves agree with each other and with the MSRs that there are."""
    result = machine.run(vm("a", "inventory.64", memory="2M"))
    seen = numbers(result)
    ecx, edx, xcr0 = seen["features.ecx"], seen["features.edx"], seen["xsave.eax"]
    assert seen["basic.eax"] == 13 and seen["extended.eax"] == 0x80000008
    assert ecx & HYPERVISOR and not ecx & (NOT_OFFERED_ECX | OSXSAVE)
    assert not edx & NOT_OFFERED_EDX
    assert seen["features.ebx"] >> 16 == 0  # one logical processor, the first
    assert bool(ecx & XSAVE) == bool(xcr0 & 1)
    assert not ecx & (AVX | FMA | F16C) or xcr0 & 4
    assert not seen["more.ebx"] & AVX2 or ecx & AVX
    assert not seen["more.ebx"] & AVX512F or xcr0 & 0xE0 == 0xE0
    if machine.isa == "svm":
        assert not (seen["extended.features.edx"] ^ edx) & AMD_AGAIN
    assert not seen["extended.features.ecx"] & 4  # SVM
    assert 36 <= seen["sizes.eax"] & 0xFF <= 52 and seen["sizes.eax"] >> 8 & 0xFF == 48
    assert (seen["apic.base"], seen["apic.base.gp"]) == (0xFEE00100, 0)  # there, but off
    assert (seen["microcode.gp"], seen["debugctl.gp"], seen["mtrrcap.gp"]) == (0, 0, 1)
    assert (seen["tsc.in.order"], seen["tsc.written"]) == (1, 1)


def test_an_msr_that_is_not_there_is_told_once(machine: Machine) -> None:
    result = machine.run(vm("a", "inventory.64", memory="2M"))
    assert numbers(result)["none.gp"] == 3
    assert result.console.count("vm a: RDMSR of 0x12345, an MSR that it does not have: #GP\n") == 1
    assert result.console.count("an MSR that it does not have") == 2  # and the MTRRs' once


def test_a_guest_lives_by_the_clock_of_a_pc(machine: Machine) -> None:
    """Each emulated machine begins with the year 2000."""
    result = machine.run(vm("a", "alarm.64", memory="2M", args="50 0"))
    assert observations(result.channels["A"]) == {
        "time": "0x2000010100", "periodic": "0xc0", "updated": "0xd0", "seconds": "0x1",
        "alarm": "0xa0", "now": "0x102030"}


@pytest.mark.parametrize("ends", [0, 1])
def test_the_fastest_timer_holds_nobody_up(machine: Machine, ends: int) -> None:
    """Neither when its interrupts come all the time, nor in a HLT that none of them ends."""
    seen: list[str] = []
    text = (vm("rage", "rage.64", memory="2M", args=f"{ends} 0")
            + canary_vm("one", SEED) + canary_vm("two", SEED + 1))
    result = machine.boot(text, live=Live(
        lambda channel, text: seen.append(text),
        stop=lambda: "".join(seen).count(" stopped reason=exit") == 2))
    assert result.reason is Reason.STOPPED, result.detail
    assert_canary(result.channels["B"], SEED)
    assert_canary(result.channels["C"], SEED + 1)


def test_an_interrupt_that_is_masked_while_it_waits(machine: Machine) -> None:
    """It does not come, nobody waits for it any more, and the guest goes on."""
    result = machine.run(vm("a", "masked.64", memory="2M", budget=100_000_000))
    assert observations(result.channels["A"]) == {"masked": "0x0", "open": "0x1"}


def test_prefixes_are_counted(machine: Machine) -> None:
    """Ten times CPUID and RDMSR at one address, whose code changes: plain, and with prefixes."""
    result = machine.run(vm("a", "prefixes.64"))
    assert observations(result.channels["A"]) == {"tried": "0xa", "cpuid": "0xa", "rdmsr": "0xa"}

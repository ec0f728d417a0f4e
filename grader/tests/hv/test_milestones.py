"""until=STEP: what there is to see on the way to a first guest. Bare VMs: nothing is emulated."""

from __future__ import annotations

import re

import pytest

from hv.conftest import Machine, vm

FIRST = vm("first", "first.64", memory="2M", args="1 2")


def seen(console: str) -> dict[str, int]:
    """The `see NAME=0xVALUE` lines."""
    return {name: int(value, 16)
            for name, value in re.findall(r"^see (.+)=0x([0-9a-f]+)$", console, re.MULTILINE)}


def test_probe_says_what_the_extension_offers(machine: Machine) -> None:
    result = machine.run(FIRST, "until=probe")
    assert re.search(rf"^{machine.isa}: [0-9]+ address-space ids, nested paging yes, ",
                     result.console, re.MULTILINE)
    offer = seen(result.console)
    assert (offer["error"], offer["nested paging"]) == (0, 1)
    assert offer["address-space ids"] >= 16


def test_on_shows_the_registers_that_say_so(machine: Machine) -> None:
    registers = seen(machine.run(FIRST, "until=on").console)
    if machine.isa == "svm":
        assert registers["EFER"] >> 12 & 1
        assert registers["VM_HSAVE_PA"] and registers["VM_HSAVE_PA"] % 4096 == 0
    else:
        assert registers["IA32_FEATURE_CONTROL"] & 5 == 5
        assert registers["CR4"] >> 13 & 1


def test_a_control_block_fills_up_step_by_step(machine: Machine) -> None:
    rip, asid, reason = (("rip", "guest_asid", "exitcode") if machine.isa == "svm" else
                         ("GUEST_RIP", "VIRTUAL_PROCESSOR_ID", "VM_EXIT_REASON"))
    controls, guest, enter = (seen(machine.run(FIRST, f"until={step}").console)
                              for step in ("controls", "guest", "enter"))
    assert controls[asid] and not controls.get(rip)
    assert guest[asid] == controls[asid] and guest[rip] == 0x8000
    assert (enter["first trip"], enter["second trip"]) == (0, 0)
    assert enter[reason] == (0x78 if machine.isa == "svm" else 12)  # HLT
    assert enter["gpr0"] == 0x80000011  # what the guest saw in CR0


@pytest.mark.parametrize("kernel, mode, reason", [
    ("first.64", "long", "hlt"), ("hello.64", "long", "io"), ("canary.64", "long", "cpuid")])
def test_a_bare_vm_ends_at_its_first_exit(machine: Machine, kernel: str, mode: str,
                                          reason: str) -> None:
    result = machine.run(vm("first", kernel, memory="2M", mode=mode, args="1 1", bare=""))
    assert f"vm first stopped reason={reason} status=0 exits=1 " in result.console
    assert "vm first state rip=" in result.console

"""Memory that is mapped page by page: on first touch, with limits, and given back."""

from __future__ import annotations

import re
from pathlib import Path

from hv.conftest import Machine, observations, vm
from hv.test_vms import SEED, assert_canary, canary_vm

FIRST = 16 << 20  # where guest/lazy.64.c begins
GIB, MIB = 1 << 30, 1 << 20


def lazy_vm(name: str, memory: int, step: int, seed: int = 0, **settings: object) -> str:
    """A guest that touches a page each `step` bytes, but for the last MiB, where its stack is."""
    return vm(name, "lazy.64", memory=f"{memory} lazy", args=f"{memory - MIB + seed} {step}",
              **settings)


def touched(memory: int, step: int) -> dict[str, str]:
    """What it observes, if each page is there, zero at first, and keeps what is written to it."""
    return {"pages": hex(-(-(memory - MIB - FIRST) // step)), "used": "0x0", "wrong": "0x0"}


def test_a_guest_larger_than_its_host(machine: Machine) -> None:
    """96 GiB, a page in each of them; the hosts have 256 MiB."""
    result = machine.run(lazy_vm("a", 96 * GIB, GIB))
    assert observations(result.channels["A"]) == touched(96 * GIB, GIB)
    assert result.status == 0


def test_neighbours_are_isolated(machine: Machine) -> None:
    """Two guests with the same addresses and other values; a canary in memory that is fixed."""
    sizes = 24 * MIB, 64 * 1024
    result = machine.run(lazy_vm("a", *sizes, seed=1) + canary_vm("canary", SEED)
                         + lazy_vm("b", *sizes, seed=2))
    assert observations(result.channels["A"]) == touched(*sizes)
    assert observations(result.channels["C"]) == touched(*sizes)
    assert_canary(result.channels["B"], SEED)


def stopped(console: str, name: str) -> str:
    """Why a VM stopped."""
    return re.findall(rf"^vm {name} stopped reason=(\S+) ", console, re.MULTILINE)[0]


def test_a_vm_whose_pool_is_empty_stops_alone(machine: Machine) -> None:
    """A table each 2 MiB, and so the 50 do not suffice; others with as many pages need fewer."""
    result = machine.run(lazy_vm("many", GIB, 2 * MIB, pool=50)
                         + lazy_vm("few", 20 * MIB, 4096, pool=50) + canary_vm("canary", SEED))
    assert stopped(result.console, "many") == "pool"
    assert stopped(result.console, "few") == "exit"
    assert observations(result.channels["B"]) == touched(20 * MIB, 4096)
    assert_canary(result.channels["C"], SEED)


def test_a_vm_that_wants_more_than_the_host_has_stops_alone(machine: Machine) -> None:
    result = machine.run(lazy_vm("greedy", GIB, 4096) + canary_vm("canary", SEED), memory=64)
    assert stopped(result.console, "greedy") == "no_memory"
    assert_canary(result.channels["B"], SEED)
    assert "panic" not in result.console


def test_lazy_memory_ends_where_it_says(machine: Machine) -> None:
    """fault.64.c writes a byte at 0x3fffffff."""
    result = machine.run(vm("a", "fault.64", memory=f"{GIB - 4096} lazy", args="1 0")
                         + vm("b", "fault.64", memory=f"{GIB} lazy", args="1 0"))
    assert stopped(result.console, "a") == "memory"
    assert stopped(result.console, "b") == "exit"


def test_late_memory_is_lazy_too(machine: Machine) -> None:
    result = machine.run(vm("a", "late.64", memory="2M lazy", late="0x40000000 64K",
                            args="0x40000000 0"))
    assert observations(result.channels["A"]) == {"order": "I"}


def test_a_rom_can_be_read_and_executed_only(machine: Machine, tmp_path: Path) -> None:
    """violate.64.S makes one access: 0 reads, 1 writes, 2 calls."""
    (tmp_path / "ret").write_bytes(b"\xc3")
    rom = 3 * MIB
    result = machine.run("".join(
        vm(f"{kind}{what}", "violate.64", memory=memory, args=f"{what} {rom}", rom=f'"ret" {rom}')
        for kind, memory in (("flat", "2M"), ("lazy", "2M lazy")) for what in range(3)),
        search=[tmp_path])
    for kind in ("flat", "lazy"):
        assert [stopped(result.console, f"{kind}{what}") for what in range(3)] == [
            "exit", "memory", "exit"]


def test_a_rom_with_nothing_in_it(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    result = machine.run(vm("a", "violate.64", memory="2M", rom='"empty" 4M'), search=[tmp_path])
    assert 'vm a: rom "empty" can\'t be loaded' in result.console


def test_what_was_written_to_is_reported(machine: Machine) -> None:
    """By dirty.64.c, which writes outside of the range, too; nobody else has that port."""
    watch = MIB, 128 * 4096
    args = f"{watch[0]} {7 << 16 | 128}"
    result = machine.run(
        vm("a", "dirty.64", memory="4M lazy", args=args, watch=f"{watch[0]} {watch[1]}")
        + vm("b", "dirty.64", memory="4M lazy", args=args)
        + vm("c", "hello.64", memory="2M lazy", watch="0 2M"))
    reports = sorted(re.findall(r"^vm (\w) dirty (\d): (.+)$", result.console, re.MULTILINE))
    assert [report[:2] for report in reports] == [("a", "1"), ("a", "2"), ("a", "3"), ("c", "1")]
    for _, _, ranges in reports[:3]:
        assert ranges.startswith("0x100000-") and ranges.endswith("-0x17ffff")
    assert reports[3][2].startswith("0x1f7000-0x1f7fff")  # its stack; its page tables may follow


def test_nothing_is_missing_in_the_end(machine: Machine) -> None:
    result = machine.run(lazy_vm("a", 20 * MIB, 4096, pool=20) + vm("b", "hello.64"), "until=end")
    assert "see pages missing=0x0" in result.console


def complaints(console: str, test: str) -> list[str]:
    """What a self-test says, but for its figures."""
    lines = [line for line in console.splitlines() if line.startswith(f"selftest {test} ")]
    return [line for line in lines if not re.search(r" free before=| (tables|pages) of ", line)]


def test_tables_are_as_the_operations_say(machine: Machine) -> None:
    """Map, unmap, protect, split and merge, against a model; how large tables are."""
    result = machine.run(vm("a", "hello.64"), "audit selftest=p2m")
    assert complaints(result.console, "p2m") == ["selftest p2m passed"]
    sizes = re.findall(r"^selftest p2m tables of 1 GiB: 4K=(\d+) 2M=(\d+)( 1G=8192)?$",
                       result.console, re.MULTILINE)
    assert [size[:2] for size in sizes] == [(str(515 * 4096), str(3 * 4096))]


def test_a_thousand_vms_where_ten_fit(machine: Machine) -> None:
    result = machine.run(vm("a", "hello.64"), "audit selftest=lazy", memory=64)
    assert complaints(result.console, "lazy") == ["selftest lazy passed"]
    assert "selftest lazy VMs=1000 free" in result.console
    assert result.status == 0


def test_the_log_of_dirty_pages_is_exact(machine: Machine) -> None:
    result = machine.run(vm("a", "hello.64"), "audit selftest=dirty")
    assert complaints(result.console, "dirty") == ["selftest dirty passed"]

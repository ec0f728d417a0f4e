"""Virtio devices, from the VM file to what a guest's driver sees."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hv.conftest import Machine, observations, vm

SECTOR, M64 = 512, 2**64
SECTORS = 20  # of the disk; the guest uses SEEN of them
SEEN = 11
SEED = 0x5EED0000


def words(first: int) -> bytes:
    """What guest/disk.64.c fills a sector with."""
    return b"".join(((first + i * 0x9E3779B97F4A7C15) % M64).to_bytes(8, "little")
                    for i in range(SECTOR // 8))


def checksum(disk: bytes) -> str:
    total = 0
    for at in range(0, SEEN * SECTOR, 8):
        total = (total ^ int.from_bytes(disk[at:at + 8], "little")) * 0x100000001B3 % M64
    return f"{total:#x}"


def disk_vm(name: str, disk: str, memory: str = "4M") -> str:
    return vm(name, "disk.64", args=f"{SEED:#x} {SEEN}", disk=disk, memory=memory,
              devices="{ serial pic exit }")


def expected(before: bytes, writable: bool) -> dict[str, str]:
    """What the guest tells of a disk with this in it."""
    after = b"".join(words(SEED + i) for i in range(SEEN)) if writable else before
    discarded = after[:SECTOR] + bytes(2 * SECTOR) + after[3 * SECTOR:] if writable else after
    return {"capacity": hex(len(before) // SECTOR), "before": checksum(before), "flush": "0x0",
            "after": checksum(after), "failed": "0x0" if writable else hex(SEEN), "id": "0x0",
            "discard": "0x0" if writable else "0x1", "discarded": checksum(discarded),
            "beyond": "0x1", "unknown": "0x2", "status": "0xf"}


def test_disks(machine: Machine, tmp_path: Path) -> None:
    """One from a file that two VMs have, each its own copy; one that can't be written; an empty
    one.
    """
    content = random.Random(SEED).randbytes(SECTORS * SECTOR - 100)
    (tmp_path / "disk.img").write_bytes(content)
    content += bytes(100)
    empty = bytes(SECTORS * SECTOR)
    result = machine.run(disk_vm("a", '"disk.img"') + disk_vm("b", '"disk.img"')
                         + disk_vm("c", '"disk.img" readonly') + disk_vm("d", f"{len(empty)}"),
                         search=[tmp_path])
    for channel, before, writable in (("A", content, True), ("B", content, True),
                                      ("C", content, False), ("D", empty, True)):
        assert observations(result.channels[channel]) == expected(before, writable), channel
        assert "nestling-disk-1\n" in result.channels[channel]


def test_a_disk_and_more_memory_than_below_it(machine: Machine) -> None:
    """Devices are in a hole below 4 GiB."""
    empty = bytes(SECTORS * SECTOR)
    result = machine.run(disk_vm("a", f"{len(empty)}", "6G lazy"))
    assert observations(result.channels["A"]) == expected(empty, writable=True)


def test_a_disk_that_is_not_there(machine: Machine, tmp_path: Path) -> None:
    """A file that is empty makes a disk without sectors."""
    (tmp_path / "nothing").write_bytes(b"")
    result = machine.run(vm("a", "disk.64", args="1 0", disk='"nothing"'), search=[tmp_path])
    seen = observations(result.channels["A"])
    assert (seen["capacity"], seen["discard"], seen["beyond"]) == ("0x0", "0x1", "0x1")


def test_console_and_entropy(machine: Machine) -> None:
    """The first letter comes without a queue, the rest in two buffers."""
    result = machine.run(vm("a", "console.64", args="0x123456789abcdef0 0",
                            devices="{ serial pic exit console entropy }"))
    assert result.channels["A"] == "Echo=0x123456789abcdef0\ndiffer=0x7\n"


@pytest.mark.parametrize("machines", [2, 4])
def test_frames(machine: Machine, machines: int) -> None:
    """Each machine hears each other one, and no frame is lost or wrong, or at the wrong place."""
    frames = 6
    result = machine.run("".join(vm(f"m{i}", "frames.64", args=f"{machines} {frames}", net='"lan"')
                                 for i in range(machines)))
    for i in range(machines):
        assert observations(result.channels[chr(ord("A") + i)]) == {
            "got": hex(frames * (machines - 1)), "wrong": "0x0", "interrupted": "0x1"}

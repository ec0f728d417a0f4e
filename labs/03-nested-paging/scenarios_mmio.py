"""Lab 3, exercise 3.9: devices in memory.

guest/registers.64.c does accesses that a list says, each of which exits once. nestling.probe says
what comes of them; and as a read has a side effect there, it shows if one is done twice, or in more
parts than it should.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable

from nestling.probe import MEMORY, MEMORY_SIZE, STREAM, STREAM_SIZE, Probe
from nestling.scenario import Scenario, scenario, vm_text

LIST = 0x40000000  # where the guest finds it
SIZES = (1, 2, 4, 8)
ANY = range(100_000)


def devices(seed: int, kind: str, accesses: Iterable[tuple[int, int, bool]]) -> Scenario:
    """What the guest shall do, in this order: (address, size, write?). RAX is random."""
    chance = random.Random(seed)
    probe = Probe()
    probe.seed(seed)
    steps = b""
    prints: dict[str, str] = {}
    for number, (address, size, write) in enumerate(accesses, 1):
        name = f"{kind}-{'write' if write else 'read'}-{number}"
        rax = chance.getrandbits(64)
        steps += struct.pack("<16sQQII", name.encode(), address, rax, size, write)
        if write:
            probe.store(address, size, rax)
            seen = probe.sum
        else:
            kept = rax >> 8 * size << 8 * size if size < 4 else 0
            seen = kept | probe.load(address, size)
        prints[name] = f"{seen:#x}"
    text = vm_text("device", "registers.64.elf", args=(LIST, seed), budget=30_000_000).replace(
        "}\n", f'    rom "steps" {LIST:#x}\n    devices {{ serial exit probe }}\n}}\n')
    return Scenario(text, stops={"device": "exit"}, exits={"memory": len(prints), "io": ANY},
                    prints={"device": prints}, files={"steps": steps + bytes(40)})


def end_of(start: int, length: int, size: int) -> int:
    """Where an access of this size is the last one that is whole in a device."""
    return start + length - size


@scenario("device-whole")
def device_whole(nonce: int, seed: int) -> Scenario:
    """Of each size, in both directions and devices, wherever it may be; also as the first and as
    the last one in a device.
    """
    chance = random.Random(nonce)
    accesses = [(STREAM + chance.randrange(8, STREAM_SIZE - 16), size, write)
                for size in SIZES for write in (False, True)]
    accesses += [(STREAM, 4, True), (end_of(STREAM, STREAM_SIZE, 4), 4, True)]
    chance.shuffle(accesses)
    at = MEMORY + chance.randrange(8, MEMORY_SIZE - 16)
    accesses += [(at, 8, True), (at + chance.randrange(3), 2, True), (at, 8, False),
                 (end_of(MEMORY, MEMORY_SIZE, 8), 8, False)]
    return devices(seed, "whole", accesses)


@scenario("device-beyond")
def device_beyond(nonce: int, seed: int) -> Scenario:
    """Across the end of a device: where no device is next, and where one is, in the next page. The
    emulator has cut an operand in two there, in parts of three and five bytes, say.
    """
    chance = random.Random(nonce)
    end, border = STREAM + STREAM_SIZE, MEMORY + MEMORY_SIZE
    inside = [chance.randrange(1, size) for size in (8, 8, 4)]
    accesses = [(end - inside[0], 8, True), (end - inside[1], 8, False),
                (end - inside[2], 4, False), (end - 1, 2, True)]
    chance.shuffle(accesses)
    accesses += [(border - 3, 8, False), (border - 5, 8, True), (border - 8, 8, False),
                 (border - 1, 2, False), (end - 4, 8, True)]
    return devices(seed, "beyond", accesses)


@scenario("device-nobody")
def device_nobody(nonce: int, seed: int) -> Scenario:
    """In a page with a device, but where it is not: reads are all ones, writes are lost."""
    chance = random.Random(nonce)
    end = STREAM + STREAM_SIZE
    accesses = [(end, 1, False), (end, 8, False), (end + 11, 1, False), (end + 6, 4, True),
                (end + chance.randrange(8), 4, False), (end + 9, 2, False)]
    return devices(seed, "nobody", accesses)

"""Lab 3 on the Intel track: the bits of an entry of an extended page table, and back.

Sections are those of the Intel SDM, volume 3. What is right is in the comments above ept_encode()
and ept_decode() in hv/mm/ept.c.
"""

import random

from nestling.scenario import Scenario, TableSteps, scenario

INTEL = {"bochs-vmx": ""}

# SDM vol. 3, 28.3.2
RIGHTS, LARGE, ACCESSED, DIRTY = 7, 1 << 7, 1 << 8, 1 << 9  # R, W and X are HV_PROT_* here
TYPE_SHIFT = 3
ADDRESS = 0xFFFFFFFFFF000

READ, WRITE, EXEC = 1, 2, 4
WB, WT, UC = range(3)  # enum memtype
TYPES = ("wb", "wt", "uc")
TYPE_NUMBERS = {WB: 6, WT: 4, UC: 0}


def span(level: int) -> int:
    """Bytes of a page at this level."""
    return 0x1000 << 9 * (level - 1)


def letters(prot: int) -> str:
    """HV_PROT_* as a step has them."""
    return "".join(letter for bit, letter in enumerate("rwx") if prot >> bit & 1)


def address(rng: random.Random, level: int) -> int:
    """Some page of the host, with bits up to the highest."""
    return (rng.getrandbits(52) | 1 << 51) & ~(span(level) - 1)


# ---- 3.1: encode ---------------------------------------------------------------------------------

def encode_page(steps: TableSteps, rng: random.Random, level: int, prot: int, type_: int, ad: int
                ) -> None:
    hpa = address(rng, level)
    entry = (hpa | prot | TYPE_NUMBERS[type_] << TYPE_SHIFT | (ACCESSED if ad & 1 else 0)
             | (DIRTY if ad & 2 else 0) | (LARGE if level > 1 else 0))
    name = ("small" if level == 1 else "large") if type_ == WB else "type"
    steps.add(f"encode:{hpa:x}:{level}:1:{letters(prot)}:{TYPES[type_]}:{ad}", {"entry": entry},
              name)


@scenario("ept-encode-pages", on=INTEL)
def encode_pages(nonce: int, seed: int) -> Scenario:
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level in (1, 2, 3):
        ages = rng.sample([0, 1, 2, 3] * 3, 12)
        for number in range(12):
            encode_page(steps, rng, level, READ | number % 4 * 2, number // 4, ages[number])
    encode_page(steps, rng, rng.randint(1, 3), EXEC, WB, rng.randrange(4))
    return steps.scenario()


@scenario("ept-encode-others", on=INTEL)
def encode_others(nonce: int, seed: int) -> Scenario:
    """Tables, and what is not present, whatever else it says."""
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level in (2, 3, 4):
        hpa = address(rng, 1) | 0x1000
        steps.add(f"encode:{hpa:x}:{level}:0:rwx:wb:0", {"entry": hpa | RIGHTS}, "table")
    for level in (1, 2, 3, 4):
        steps.add(f"encode:{address(rng, level):x}:{level}:{level % 2}::uc:{rng.randrange(4)}",
                  {"entry": 0}, "absent")
    return steps.scenario()


# ---- 3.1: decode ---------------------------------------------------------------------------------

def decode(steps: TableSteps, entry: int, level: int, name: str) -> None:
    """What is to be seen of an entry that is present."""
    leaf = level == 1 or level < 4 and bool(entry & LARGE)
    number = entry >> TYPE_SHIFT & 7
    steps.add(f"decode:{entry:x}:{level}", {
        "hpa": entry & ADDRESS & (~(span(level) - 1) if leaf else ~0), "leaf": leaf,
        "prot": entry & RIGHTS, "accessed": bool(entry & ACCESSED), "dirty": bool(entry & DIRTY),
        "type": {6: WB, 4: WT}.get(number, UC) if leaf else WB}, name)


def noise(rng: random.Random) -> int:
    """An entry without rights; all else is as it may be."""
    return rng.getrandbits(64) & ~RIGHTS | 1 << 51


@scenario("ept-decode-pages", on=INTEL)
def decode_pages(nonce: int, seed: int) -> Scenario:
    """All rights and types; what means nothing is random, like bit 12 and up of a large page."""
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level, name in ((1, "small"), (2, "large"), (3, "large")):
        rights = rng.sample(range(1, 8), 7) + [rng.randint(1, 7)]
        for number in range(8):
            entry = noise(rng) & ~(7 << TYPE_SHIFT | LARGE) | rights[number] | number << TYPE_SHIFT
            if level > 1:
                entry |= LARGE | 1 << 12
            else:
                entry |= rng.getrandbits(1) << 7  # at level 1 it means nothing
            decode(steps, entry, level, name)
    return steps.scenario()


@scenario("ept-decode-others", on=INTEL)
def decode_others(nonce: int, seed: int) -> Scenario:
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level in (2, 3, 4):
        for _ in range(3):
            decode(steps, noise(rng) & ~LARGE | rng.randint(1, 7) | 1 << 12, level, "table")
    for _ in range(3):
        decode(steps, noise(rng) | LARGE | RIGHTS, 4, "root")  # bit 7 is reserved there
    nothing = {"hpa": 0, "prot": 0, "leaf": 0, "type": 0, "accessed": 0, "dirty": 0}
    for level in (1, 2, 3, 4):
        steps.add(f"decode:{noise(rng):x}:{level}", nothing, "absent")
        steps.add(f"decode:0:{level}", nothing, "absent")
    return steps.scenario()

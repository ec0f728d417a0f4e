"""Lab 3 on the AMD track: the bits of an entry of a nested page table, and back.

Sections are those of the AMD APM, volume 2. What is right is in the comments above npt_encode() and
npt_decode() in hv/mm/npt.c.
"""

import random

from nestling.scenario import Scenario, TableSteps, scenario

AMD = {"tcg": "", "bochs-svm": ""}

# APM vol. 2, 5.4.1
PRESENT, WRITABLE, USER, PWT, PCD, ACCESSED, DIRTY, LARGE = (1 << bit for bit in range(8))
NX = 1 << 63
ADDRESS = 0xFFFFFFFFFF000

READ, WRITE, EXEC = 1, 2, 4  # HV_PROT_*
WB, WT, UC = range(3)  # enum memtype
TYPES = ("wb", "wt", "uc")
TYPE_BITS = {WB: 0, WT: PWT, UC: PCD | PWT}


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
    entry = (hpa | PRESENT | USER | TYPE_BITS[type_] | (WRITABLE if prot & WRITE else 0)
             | (0 if prot & EXEC else NX) | (ACCESSED if ad & 1 else 0)
             | (DIRTY if ad & 2 else 0) | (LARGE if level > 1 else 0))
    name = ("small" if level == 1 else "large") if type_ == WB else "type"
    steps.add(f"encode:{hpa:x}:{level}:1:{letters(prot)}:{TYPES[type_]}:{ad}", {"entry": entry},
              name)


@scenario("npt-encode-pages", on=AMD)
def encode_pages(nonce: int, seed: int) -> Scenario:
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level in (1, 2, 3):
        ages = rng.sample([0, 1, 2, 3] * 3, 12)
        for number in range(12):
            encode_page(steps, rng, level, READ | number % 4 * 2, number // 4, ages[number])
    return steps.scenario()


@scenario("npt-encode-others", on=AMD)
def encode_others(nonce: int, seed: int) -> Scenario:
    """Tables, and what is not present, whatever else it says."""
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level in (2, 3, 4):
        hpa = address(rng, 1) | 0x1000
        steps.add(f"encode:{hpa:x}:{level}:0:rwx:wb:0",
                  {"entry": hpa | PRESENT | WRITABLE | USER}, "table")
    for level in (1, 2, 3, 4):
        steps.add(f"encode:{address(rng, level):x}:{level}:{level % 2}::uc:{rng.randrange(4)}",
                  {"entry": 0}, "absent")
    return steps.scenario()


# ---- 3.1: decode ---------------------------------------------------------------------------------

def decode(steps: TableSteps, entry: int, level: int, name: str) -> None:
    """What is to be seen of an entry that is present. Of a table's type nothing is said."""
    leaf = level == 1 or level < 4 and bool(entry & LARGE)
    see = {"hpa": entry & ADDRESS & (~(span(level) - 1) if leaf else ~0), "leaf": leaf,
           "prot": READ | (WRITE if entry & WRITABLE else 0) | (0 if entry & NX else EXEC),
           "accessed": bool(entry & ACCESSED), "dirty": bool(entry & DIRTY)}
    if leaf:
        see["type"] = UC if entry & PCD else WT if entry & PWT else WB
    steps.add(f"decode:{entry:x}:{level}", see, name)


def noise(rng: random.Random) -> int:
    """An entry that is present; all else is as it may be."""
    return rng.getrandbits(64) | PRESENT | USER | 1 << 51


@scenario("npt-decode-pages", on=AMD)
def decode_pages(nonce: int, seed: int) -> Scenario:
    """All rights, types and ages; what means nothing is random, like PAT and what follows it."""
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level, name in ((1, "small"), (2, "large"), (3, "large")):
        for number in rng.sample(range(16), 16):
            entry = noise(rng) & ~(WRITABLE | NX | PWT | PCD | LARGE)
            for bit, mask in enumerate((WRITABLE, NX, PWT, PCD)):
                entry |= mask if number >> bit & 1 else 0
            if level > 1:
                entry |= LARGE | 1 << 12
            else:
                entry |= rng.getrandbits(1) << 7  # at level 1 it is the PAT bit
            decode(steps, entry, level, name)
    return steps.scenario()


@scenario("npt-decode-others", on=AMD)
def decode_others(nonce: int, seed: int) -> Scenario:
    rng, steps = random.Random(nonce << 32 | seed), TableSteps()
    for level in (2, 3, 4):
        for _ in range(3):
            decode(steps, noise(rng) & ~LARGE | 1 << 12, level, "table")
    for _ in range(3):
        decode(steps, noise(rng) | LARGE, 4, "root")  # bit 7 is reserved there
    nothing = {"hpa": 0, "prot": 0, "leaf": 0, "type": 0, "accessed": 0, "dirty": 0}
    for level in (1, 2, 3, 4):
        steps.add(f"decode:{noise(rng) & ~PRESENT:x}:{level}", nothing, "absent")
        steps.add(f"decode:{(0, WRITABLE | USER)[level % 2]:x}:{level}", nothing, "absent")
    return steps.scenario()

"""Lab 3, exercise 3.8: the guest's own page tables.

No guest runs. Each scenario makes page tables of one format in a VM's memory, at random, and a list
of accesses; the hypervisor's word `walks=` (hv/mm/walk_script.h) has guest_walk() translate them.
The model here does the same by itself.
"""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nestling.scenario import Scenario, Value, scenario

EFAULT, ENXIO = (-number & (1 << 64) - 1 for number in (14, 6))

# Entries: SDM vol. 3, tables 4-4 to 4-20
P, W, U, A, D, PS, NX = (1 << bit for bit in (0, 1, 2, 5, 6, 7, 63))
ADDRESS = 0x000F_FFFF_FFFF_F000
RESERVED = 1 << 51  # an address bit that no CPU here has
# Error codes: 4.7
PF_P, PF_W, PF_U, PF_RSVD, PF_I = (1 << bit for bit in range(5))
# Accesses: hv/api.h
READ, WRITE, EXEC, IMPLICIT = (1 << bit for bit in range(4))
# Registers
PE, WP, PG = 1 << 0, 1 << 16, 1 << 31
PSE, PAE, SMEP, SMAP = 1 << 4, 1 << 5, 1 << 20, 1 << 21
LME, LMA, NXE = 1 << 8, 1 << 10, 1 << 11
AC = 1 << 18

PAGE = 4096
BASE = 1 << 20  # where the file with tables and list goes
MEMORY = 4 << 20
CASES = 48


@dataclass(frozen=True)
class Mode:
    """The registers that decide how an address is translated."""

    cr4: int
    efer: int = 0
    cr0: int = PG | PE
    rflags: int = 2
    cpl: int = 0


@dataclass(frozen=True)
class Format:
    """A format of page tables. PAE's four PDPTEs are no level: they stand before the walk."""

    levels: int
    bits: int  # of the address, at each level
    size: int  # of an entry
    large: tuple[int, ...]  # levels whose entries can map a page

    def span(self, level: int) -> int:
        """Bytes for which an entry of a level stands."""
        return PAGE << self.bits * (level - 1)


LONG = Format(4, 9, 8, (2, 3))
PAE_FORMAT = Format(2, 9, 8, (2,))
OLD = Format(2, 10, 4, (2,))


@dataclass
class World:
    """Guest memory from BASE on, and what is asked and must be answered."""

    format: Format
    memory: bytearray = field(default_factory=bytearray)
    start: bytes = b""  # the memory before the first case
    asked: list[bytes] = field(default_factory=list)
    see: dict[str, Value] = field(default_factory=dict)

    def page(self) -> int:
        """The address of a page for a table."""
        self.memory += bytes(PAGE)
        return BASE + len(self.memory) - PAGE

    def get(self, at: int, size: int) -> int | None:
        """What is in memory; None: nothing is there."""
        if not 0 <= at < MEMORY:
            return None
        piece = self.memory[at - BASE:at - BASE + size] if at >= BASE else b""
        return int.from_bytes(piece, "little")

    def put(self, at: int, size: int, value: int) -> None:
        self.memory[at - BASE:at - BASE + size] = value.to_bytes(size, "little")

    def ask(self, mode: Mode, cr3: int, address: int, access: int) -> str:
        """Add a case to the list. Returns the start of its lines' names."""
        self.start = self.start or bytes(self.memory)
        self.asked.append(struct.pack("<8Q", mode.cr0, cr3, mode.cr4, mode.efer, mode.rflags,
                                      mode.cpl, address, access))
        return f"{len(self.asked) - 1}."

    def look(self, at: int, value: int) -> None:
        """Ask what is in memory, which should be `value`."""
        self.see[self.ask(Mode(0), 0, at, 0) + "entry"] = value

    def scenario(self, name: str) -> Scenario:
        """All of it. The list comes behind the tables."""
        at = BASE + len(self.memory)
        text = (f'vm "{name}" {{\n    memory {MEMORY >> 20}M\n    mode protected\n'
                f'    load {BASE:#x}\n    kernel "{name}.bin"\n}}\n')
        return Scenario(text, exits=[], see=self.see, words=f"walks={at:x},{len(self.asked)}",
                        files={f"{name}.bin": self.start + b"".join(self.asked)})


# ---- The model -----------------------------------------------------------------------------------

def rights(mode: Mode, access: int) -> tuple[Callable[[int, bool], bool], int]:
    """Whether an access may be done, given the rights that all levels grant; and its error code."""
    implicit = bool(access & IMPLICIT)
    user = mode.cpl == 3 and not implicit
    no_execute = bool(mode.efer & NXE and mode.cr4 & PAE)
    error = (PF_W if access & WRITE else 0) | (PF_U if user else 0)
    if access & EXEC and (no_execute or mode.cr4 & SMEP):
        error |= PF_I

    def allowed(granted: int, never_execute: bool) -> bool:
        if user and not granted & U:
            return False
        if access & WRITE and not granted & W and (user or mode.cr0 & WP):
            return False
        if access & EXEC:
            return not never_execute and (user or not (mode.cr4 & SMEP and granted & U))
        off_limits = mode.cr4 & SMAP and (implicit or not mode.rflags & AC)
        return user or not (off_limits and granted & U)

    return allowed, error


def is_reserved(world: World, mode: Mode, entry: int, level: int, maps: bool) -> bool:
    """Is a bit set that must not be?"""
    if world.format.size == 4:
        return maps and level == 2 and bool(entry & 1 << 21)
    if entry & RESERVED or (entry & NX and not mode.efer & NXE):
        return True
    if not maps:
        return bool(entry & PS) and level > 1
    return level > 1 and bool(entry & (world.format.span(level) - 1) & ~(2 * PAGE - 1))


@dataclass
class Walk:
    """What comes of one walk."""

    result: int = 0
    address: int = 0
    error: int = 0
    reads: int = 0
    steps: list[tuple[int, int, int]] = field(default_factory=list)  # level, address, entry


def walk(world: World, mode: Mode, root: int, address: int, access: int) -> Walk:
    """Walk as the CPU does, without accessed and dirty bits."""
    form = world.format
    allowed, error = rights(mode, access)
    table, granted, never_execute = root, W | U, False
    done = Walk(reads=1 if form is PAE_FORMAT else 0)  # of a PDPTE
    for level in range(form.levels, 0, -1):
        index = address // form.span(level) % (1 << form.bits)
        at = table + index * form.size
        entry = world.get(at, form.size)
        done.reads += 1
        if entry is None:
            done.result = ENXIO
            return done
        done.steps.append((level, at, entry))
        maps = level == 1 or bool(level in form.large and entry & PS and (
            form.size == 8 or mode.cr4 & PSE))
        done.result, done.error = EFAULT, error
        if not entry & P:
            return done
        if is_reserved(world, mode, entry, level, maps):
            done.error |= PF_P | PF_RSVD
            return done
        granted &= entry
        never_execute |= bool(entry & NX)
        if maps:
            break
        table = entry & ADDRESS
    done.error |= PF_P
    if allowed(granted, never_execute):
        span = form.span(level)
        high = (entry & 0x1FE000) << 19 if form.size == 4 and level == 2 else 0
        done.result = 0
        done.address = high | entry & ADDRESS & -span | address % span
    return done


def translate(world: World, mode: Mode, root: int, address: int, access: int) -> Walk:
    """Walk, and set accessed and dirty bits; again, if an entry changed by that was met twice."""
    reads = 0
    while True:
        done = walk(world, mode, root, address, access)
        reads += done.reads
        done.reads = reads
        if done.result or _mark(world, done, access):
            return done


def _mark(world: World, done: Walk, access: int) -> bool:
    leaf = done.steps[-1][0]
    for level, at, entry in done.steps:
        new = entry | A | (D if level == leaf and access & WRITE else 0)
        if new != entry:
            if world.get(at, world.format.size) != entry:
                return False
            world.put(at, world.format.size, new)
    return True


# ---- Tables and accesses by chance ---------------------------------------------------------------

def entry_bits(chance: random.Random, form: Format) -> int:
    """What an ordinary entry has beside its address: mostly all rights."""
    bits = P | chance.choice((W | U, W | U, W | U, W, U)) | chance.choice((0, A))
    return bits | (NX if form.size == 8 and chance.random() < 0.1 else 0)


def spoil(chance: random.Random, world: World, entry: int, level: int) -> int:
    """Make an entry one that a walk must not go on from; or, at times, could."""
    if world.format.size == 4:
        return chance.choice((entry & ~P, 0, entry & ~W, entry & ~U))
    return chance.choice((entry & ~P, 0, entry | RESERVED, entry | NX, entry & ~W, entry & ~U,
                          entry | (PS if level == 4 else 1 << 14 if entry & PS else 0)))


def ask(world: World, mode: Mode, cr3: int, root: int, address: int, access: int,
        looks: bool = False) -> None:
    """One case, and the answer to it; `looks`: and to what its entries are afterwards."""
    name = world.ask(mode, cr3, address, access)
    done = translate(world, mode, root, address, access)
    world.see[f"{name}result"] = done.result
    world.see[f"{name}reads"] = done.reads
    if not done.result:
        world.see[f"{name}gpa"] = done.address
    if done.result == EFAULT:
        world.see[f"{name}error"] = done.error
    for _, at, _ in done.steps if looks else ():
        at &= -8
        entry = world.get(at, 8)
        assert entry is not None
        world.look(at, entry)


def build(chance: random.Random, world: World, tables: Sequence[int], indices: Sequence[int],
          leaf: int) -> int:
    """Entries from tables[0] down to level `leaf`, at these indices. Returns the address."""
    form = world.format
    address = chance.randrange(PAGE)
    spoilt = chance.choice((0, 0, 0, *range(leaf, form.levels + 1)))
    for step, index in enumerate(indices):
        level = form.levels - step
        address += index * form.span(level)
        if level < leaf:
            address = address // form.span(leaf) * form.span(leaf) + chance.randrange(
                form.span(leaf))
            break
        entry = entry_bits(chance, form)
        if level == leaf:
            entry |= chance.getrandbits(20 if form.size == 4 else 27) * form.span(level) & (
                0xFFFF_FFFF if form.size == 4 else (1 << 39) - 1) & ADDRESS
            entry |= PS if level > 1 else chance.choice((0, PS))  # at level 1 it chooses a type
        else:
            entry |= tables[step + 1]
        if level == spoilt:
            entry = spoil(chance, world, entry, level)
        world.put(tables[step] + index * form.size, form.size, entry)
    return address


def accesses(chance: random.Random, modes: Sequence[Mode]) -> tuple[Mode, int]:
    return chance.choice(modes), chance.choice((READ, READ, WRITE, WRITE, EXEC, READ | IMPLICIT))


def one_format(name: str, numbers: tuple[int, int], form: Format, modes: Sequence[Mode],
               leaves: Sequence[int]) -> Scenario:
    """Tables of one format, in which each case has entries of its own."""
    chance = random.Random(repr(numbers))
    world = World(form)
    tables = [world.page() for _ in range(form.levels)]
    top = 1 << form.bits
    # Addresses below the middle: those above would have to be canonical.
    columns = [chance.sample(range(top // 2 if step == 0 and form.levels == 4 else top), CASES)
               for step in range(form.levels)]
    addresses = [build(chance, world, tables, [column[i] for column in columns],
                       chance.choice(leaves)) for i in range(CASES)]
    for i, address in enumerate(addresses):
        mode, access = accesses(chance, modes)
        ask(world, mode, tables[0], tables[0], address, access, looks=i % 3 == 0)
    return world.scenario(name)


LONG_MODES = [Mode(PAE, LME | LMA | NXE, cr0, cpl=cpl) for cr0 in (PG | PE, PG | PE | WP)
              for cpl in (0, 3)] + [Mode(PAE, LME | LMA)]
# The models of the emulators that are graded on have 1 GiB pages.
HERE = {"tcg": "", "bochs-svm": "", "bochs-vmx": ""}


@scenario("walk-long", on=HERE)
def walk_long(nonce: int, seed: int) -> Scenario:
    return one_format("long", (nonce, seed), LONG, LONG_MODES, (1, 1, 2, 3))


@scenario("walk-old")
def walk_old(nonce: int, seed: int) -> Scenario:
    """32-bit paging, with large pages and without."""
    modes = [Mode(cr4, cr0=cr0, cpl=cpl) for cr4 in (0, PSE) for cr0 in (PG | PE, PG | PE | WP)
             for cpl in (0, 3)]
    return one_format("old", (nonce, seed), OLD, modes, (1, 1, 2))


@scenario("walk-pae")
def walk_pae(nonce: int, seed: int) -> Scenario:
    """Four PDPTEs lead to one directory: they differ in the address's bits 31:30."""
    chance = random.Random(repr((nonce, seed)))
    world = World(PAE_FORMAT)
    pointers, *tables = (world.page() for _ in range(3))
    for i in range(4):
        world.put(pointers + 8 * i, 8, tables[0] | P)
    modes = [Mode(PAE, efer, cr0, cpl=cpl) for efer in (0, NXE) for cr0 in (PG | PE, PG | PE | WP)
             for cpl in (0, 3)]
    pairs = zip(*(chance.sample(range(512), CASES) for _ in range(2)))
    addresses = [build(chance, world, tables, pair, chance.choice((1, 1, 2))) for pair in pairs]
    for i, address in enumerate(addresses):
        mode, access = accesses(chance, modes)
        ask(world, mode, pointers, tables[0], address | i % 4 << 30, access, looks=i % 3 == 0)
    return world.scenario("pae")


@scenario("walk-rights")
def walk_rights(nonce: int, seed: int) -> Scenario:
    """SMEP and SMAP, with and without RFLAGS.AC."""
    modes = [Mode(PAE | cr4, LME | LMA | NXE, PG | PE | WP, rflags, cpl)
             for cr4 in (SMEP, SMAP, SMEP | SMAP) for rflags in (2, 2 | AC) for cpl in (0, 0, 3)]
    return one_format("rights", (nonce, seed), LONG, modes, (1, 2))


@scenario("walk-outside")
def walk_outside(nonce: int, seed: int) -> Scenario:
    """Tables where the guest has no memory; and one that leads to itself."""
    chance = random.Random(repr((nonce, seed)))
    world = World(LONG)
    tables = [world.page() for _ in range(4)]
    mode = Mode(PAE, LME | LMA | NXE, cpl=3)
    itself, *indices = chance.sample(range(256), 5)
    world.put(tables[0] + 8 * itself, 8, tables[0] | P | W | U)
    cases = [(tables[0], itself, READ), (tables[0], itself, WRITE)]
    for level, index in enumerate(indices, 1):  # the table of this level is outside
        outside = chance.choice((MEMORY, chance.randrange(1, 1 << 18) * MEMORY))
        for table, below in zip(tables[:4 - level], [*tables[1:4 - level], outside]):
            world.put(table + 8 * index, 8, below | P | W | U)
        cases.append((outside if level == 4 else tables[0], index, READ))
    for root, index, access in cases:
        ask(world, mode, root, root, sum(index << 12 + 9 * step for step in range(4)), access,
            looks=index == itself)
    return world.scenario("outside")

"""Lab 3, the exercises of both tracks: the tables that translate a guest's physical addresses.

Most scenarios do things to tables by hand and through the functions of hv/mm/p2m.h, one by one:
steps on the hypervisor's command line, hv/mm/p2m_script.h. A model says what must come of each.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from nestling.scenario import Scenario, TableSteps, scenario

EVERYWHERE = {"tcg": "", "bochs-svm": "", "bochs-vmx": ""}  # these have 1 GiB pages

READ, WRITE, EXEC, ALL = 1, 2, 4, 7  # HV_PROT_*
WB, WT, UC = range(3)  # enum memtype
TYPES = ("wb", "wt", "uc")

ENOENT, ENOMEM, EEXIST, EINVAL, ENOSPC = 2, 12, 17, 22, 28
U64 = (1 << 64) - 1


# ---- Tables, and what is right -------------------------------------------------------------------

@dataclass(frozen=True)
class Entry:
    """An entry, as struct pte in hv/mm/pte.h."""

    hpa: int = 0
    leaf: bool = True
    prot: int = 0
    type: int = WB
    ad: int = 0  # accessed + 2 * dirty

    @property
    def words(self) -> str:
        """As a step has it."""
        prot = "".join(letter for bit, letter in enumerate("rwx") if self.prot >> bit & 1)
        return f"{self.hpa:x}:{self.leaf:d}:{prot}:{TYPES[self.type]}:{self.ad}"

    @property
    def see(self) -> dict[str, int]:
        """What is to be seen of it."""
        if not self.prot:
            return {"prot": 0, "leaf": 0, "hpa": 0}
        return {"prot": self.prot, "leaf": self.leaf, "hpa": self.hpa, "type": self.type,
                "accessed": self.ad & 1, "dirty": self.ad >> 1}


ABSENT = Entry(leaf=False)


def shift(level: int) -> int:
    return 12 + 9 * (level - 1)


def span(level: int) -> int:
    """Bytes that an entry at this level spans."""
    return 1 << shift(level)


class Tables:
    """A VM's tables, and the steps that make them so; see what is to be seen as it goes.

    A place is (level, number): the entry at that level for the addresses from number * span(level).
    """

    def __init__(self, nonce: int, seed: int) -> None:
        self.rng = random.Random(nonce << 32 | seed)
        self.roots = self.rng.sample(range(8, 504), 64)  # which entries at() takes of the root
        self.steps = TableSteps()
        self.pages: dict[tuple[int, int], Entry] = {}
        self.tables: set[tuple[int, int]] = set()  # the places whose entries point to tables
        self.left = 1 << 40  # in the pool
        self.why = ENOSPC  # and what is the matter when there are none

    def scenario(self) -> Scenario:
        return self.steps.scenario()

    # Random numbers

    def at(self, level: int) -> int:
        """An address for a page at `level`, with nothing near it; no two indices are alike."""
        root = self.roots.pop()
        indices = [root] + self.rng.sample([*range(8, root), *range(root + 1, 504)], 4 - level)
        return sum(index << shift(4 - number) for number, index in enumerate(indices))

    def page(self, level: int, prot: int = 0) -> Entry:
        """A page somewhere in the host."""
        return Entry((self.rng.getrandbits(44) | 1 << 43) & -span(level), True,
                     prot or self.rng.choice([READ, READ | WRITE, READ | EXEC, ALL]),
                     self.rng.choice([WB, WT, UC]), self.rng.randrange(4))

    # What the tables say

    def find(self, at: int, level: int) -> tuple[int, Entry | None]:
        """Where a walk to `level` ends; None: there is a table."""
        for here in (4, 3, 2, 1):
            place = here, at >> shift(here)
            if place in self.pages or place not in self.tables:
                return here, self.pages.get(place, ABSENT)
            if here == level:
                return here, None
        raise AssertionError("a table at level 1")

    def below(self, at: int, level: int) -> list[tuple[int, int]]:
        """The tables that are only for the span of `level` at `at`."""
        return [(here, number) for here, number in self.tables
                if here <= level and number >> 9 * (level - here) == at >> shift(level)]

    def is_mapped(self, at: int, level: int) -> bool:
        """Is there a page within the span of `level` at `at`?"""
        return any(here <= level and number >> 9 * (level - here) == at >> shift(level)
                   for here, number in self.pages)

    def take_table(self) -> int:
        """An error, or 0."""
        if not self.left:
            return self.why
        self.left -= 1
        return 0

    def free_tables(self, at: int, level: int) -> None:
        for place in self.below(at, level):
            self.tables.remove(place)
            self.left += 1

    # Steps

    def done(self, step: str, error: int = 0, changed: bool = False, name: str = "",
             **see: int | str) -> str:
        """A step that has been taken; what all have to show."""
        return self.steps.add(step, {**see, "result": -error & U64, "changed": changed,
                                     "tables": 1 + len(self.tables)}, name or step.split(":")[0])

    def table(self, at: int, level: int) -> None:
        """Tables down to the entry at `level`, by hand."""
        for here in range(4, level, -1):
            if (here, at >> shift(here)) not in self.tables:
                self.tables.add((here, at >> shift(here)))
        self.done(f"table:{at:x}:{level}")

    def put(self, at: int, level: int, entry: Entry) -> None:
        """An entry by hand, and the tables on the way to it."""
        if (level + 1, at >> shift(level + 1)) not in self.tables and level < 4:
            self.table(at, level)
        self.pages[level, at >> shift(level)] = entry
        self.done(f"put:{at:x}:{level}:{entry.words}")

    def walk(self, at: int, level: int = 1, name: str = "") -> str:
        here, entry = self.find(at, level)
        see = {"leaf": 0, "prot": ALL} if entry is None else entry.see
        return self.done(f"walk:{at:x}:{level}", name=name, level=here, **see)

    def pool(self, count: int) -> None:
        self.left, self.why = count, ENOSPC
        self.done(f"pool:{count:x}")

    def host(self, count: int) -> None:
        """Leave so many pages in the host; the pool has enough."""
        self.left, self.why = count, ENOMEM
        self.done(f"host:{count:x}")

    def free(self) -> None:
        """The end of the VM: nothing may be missing in the host."""
        self.steps.add("free", {"missing": 0, "result": 0}, "free")


# ---- 3.2: the walk -------------------------------------------------------------------------------

@scenario("walk-levels")
def walk_levels(nonce: int, seed: int) -> Scenario:
    """A small page: entries on its way, and those beside them."""
    t = Tables(nonce, seed)
    at = t.at(1)
    t.put(at, 1, t.page(1))
    t.walk(at, 1, "page")
    t.walk(at + t.rng.randrange(1, 0x1000), 1, "page")
    for level in (4, 3, 2):
        t.walk(at, level, "way")
    for level in (4, 3, 2, 1):
        for beside in (-span(level), span(level)):
            t.walk(at + beside, 1, "beside")
    for level in (4, 3, 2, 1):  # each has one index in common with the first, and other pages
        other = t.at(1) & ~(511 << shift(level)) | at & 511 << shift(level)
        t.put(other, 1, t.page(1))
        t.walk(other, 1, "page")
    last = (1 << 48) - span(1)
    t.put(last, 1, t.page(1))
    for one in (at, last, at ^ 1 << 47):
        t.walk(one, 1, "page")
    return t.scenario()


@scenario("walk-large")
def walk_large(nonce: int, seed: int) -> Scenario:
    """Pages of 2 MiB and of 1 GiB, from their first to their last byte."""
    t = Tables(nonce, seed)
    for level in (2, 3):
        at = t.at(level)
        t.put(at, level, t.page(level))
        t.put(at + span(level), level, t.page(level))
        for offset in (0, t.rng.randrange(span(level)), span(level) - 1, span(level)):
            t.walk(at + offset, 1, "large")
        t.walk(at - 1, 1, "beside")
        t.walk(at, level, "large")
        t.walk(at, level + 1, "way")
    t.walk(at, 2, "large")
    t.walk(at, 4, "way")
    return t.scenario()


@scenario("walk-absent")
def walk_absent(nonce: int, seed: int) -> Scenario:
    """Entries that are not present: with no bit set, or with all but those that would say so."""
    t = Tables(nonce, seed)
    t.walk(t.at(1), 1, "absent")
    for level in (4, 3, 2, 1):
        at = t.at(1)
        if level < 4:
            t.table(at, level)
            t.walk(at, 1, "absent")
        noise = (t.rng.getrandbits(64) | 1 << 51 | 0x1080) & ~7
        t.done(f"put:{at:x}:{level}:{noise:x}")
        for wanted in range(1, level + 1):
            t.done(f"walk:{at:x}:{wanted}", name="absent", level=level, entry=noise,
                   **ABSENT.see)
    return t.scenario()


@scenario("walk-pointers")
def walk_pointers(nonce: int, seed: int) -> Scenario:
    """Entries for tables at high addresses, where nothing is: a walk that ends there can tell."""
    t = Tables(nonce, seed)
    for level in (4, 3, 2):
        at = t.at(1)
        table = Entry(t.rng.getrandbits(52) & -span(1) | 1 << 51 | 0x1000, False, ALL)
        t.put(at, level, table)
        t.done(f"walk:{at:x}:{level}", name="pointer", level=level, **table.see)
    return t.scenario()


@scenario("walk-next")
def walk_next(nonce: int, seed: int) -> Scenario:
    """p2m_next() walks from page to page, and has to skip a lot of nothing."""
    t = Tables(nonce, seed)
    places = sorted((t.at(level), level) for level in (1, 1, 2, 3))
    pages = [t.page(level) for _, level in places]
    for (at, level), page in zip(places, pages):
        t.put(at, level, page)
    start = 0
    for (at, level), page in zip(places, pages):
        t.steps.add(f"next:{start:x}:{1 << 48:x}",
                    {"result": 1, "at": at, "level": level, **page.see}, "next")
        start = at + span(level)
    t.steps.add(f"next:{start:x}:{1 << 48:x}", {"result": 0}, "next")
    start = places[0][0] + span(places[0][1])
    t.steps.add(f"next:{start:x}:{places[1][0]:x}", {"result": 0}, "next")
    return t.scenario()


# ---- 3.3: what a CPU may have cached -------------------------------------------------------------

def sets(t: Tables, name: str, at: int, level: int, old: Entry, new: Entry, changed: bool) -> None:
    """An entry is `old`, by hand, and becomes `new`."""
    t.put(at, level, old)
    t.done(f"set:{at:x}:{level}:{new.words}", name=name, changed=changed, level=level, **new.see)


@scenario("set-rights")
def set_rights(nonce: int, seed: int) -> Scenario:
    """All that can happen to rights. What is not there is cached nowhere."""
    t = Tables(nonce, seed)
    at = t.at(1)
    rights = (READ, READ | WRITE, READ | EXEC, ALL)
    pairs = [(old, new) for old in rights for new in rights]
    for number, (old, new) in enumerate(t.rng.sample(pairs, len(pairs))):
        page = t.page(1, old)
        name = "taken" if old & ~new else "given" if new & ~old else "same"
        sets(t, name, at + number * span(1), 1, page, replace(page, prot=new), bool(old & ~new))
    return t.scenario()


@scenario("set-ages")
def set_ages(nonce: int, seed: int) -> Scenario:
    """Accessed and dirty, set and cleared, in pages of all sizes."""
    t = Tables(nonce, seed)
    pairs = [(old, new) for old in range(4) for new in range(4)]
    at = t.at(1)
    for number, (old, new) in enumerate(t.rng.sample(pairs, len(pairs))):
        level = 1 + number % 3
        page = replace(t.page(level), ad=old)
        sets(t, "cleared" if old & ~new else "aged", at & -span(level) ^ (number + 1) * span(level),
             level, page, replace(page, ad=new), bool(old & ~new))
    return t.scenario()


@scenario("set-others")
def set_others(nonce: int, seed: int) -> Scenario:
    """Places, types, leaves and tables; what comes, and what goes."""
    t = Tables(nonce, seed)
    at = t.at(2)
    table, other = (Entry(t.page(1).hpa, False, ALL) for _ in range(2))
    for number, level in enumerate((1, 2, 3)):
        page = t.page(level)
        base = at ^ (number + 1) << shift(level)
        sets(t, "come", base, level, ABSENT, page, False)
        sets(t, "gone", base, level, page, ABSENT, True)
        sets(t, "moved", base, level, page, replace(page, hpa=page.hpa ^ span(level)), True)
        sets(t, "type", base, level, page,
             replace(page, type=(page.type + t.rng.choice([1, 2])) % 3), True)
    page = replace(t.page(2, ALL), ad=0, type=WB)
    base = at ^ 8 << shift(2)
    sets(t, "come", base, 2, ABSENT, table, False)
    sets(t, "table", base, 2, table, other, True)
    sets(t, "table", base, 2, table, replace(page, hpa=table.hpa & -span(2)), True)
    sets(t, "table", base, 2, page, replace(table, hpa=page.hpa), True)
    sets(t, "table", base, 2, table, ABSENT, True)
    return t.scenario()


@scenario("set-twice")
def set_twice(nonce: int, seed: int) -> Scenario:
    """Steps that go on from each other, at one entry."""
    t = Tables(nonce, seed)
    at = t.at(2)
    t.table(at, 2)
    old = ABSENT
    for number in range(14):
        new = t.page(2) if number % 4 else ABSENT
        if old.prot and new.prot and t.rng.randrange(2):
            new = replace(old, prot=new.prot, ad=old.ad | new.ad)
        name = "come" if not old.prot else "gone" if not new.prot else "next"
        still = (new.hpa, new.type) == (old.hpa, old.type) and not (old.prot & ~new.prot
                                                                    or old.ad & ~new.ad)
        t.pages[2, at >> shift(2)] = new
        t.done(f"set:{at:x}:2:{new.words}", name=name, changed=bool(old.prot and not still),
               level=2, **new.see)
        t.walk(at, 2)
        old = new
    return t.scenario()


# ---- 3.4: to map ---------------------------------------------------------------------------------

def maps(t: Tables, at: int, level: int, page: Entry, name: str = "map") -> str:
    """p2m_map(), by its contract."""
    step = f"map:{at:x}:{page.hpa:x}:{level}:{page.words.split(':')[2]}:{TYPES[page.type]}"
    if level > 3 or (at | page.hpa) % span(level) or at >> 48 or not page.prot & READ:
        return t.done(step, EINVAL, name=name)
    here, entry = t.find(at, level)
    if entry and entry.prot or t.is_mapped(at, level):
        return t.done(step, EEXIST, name=name)
    for above in range(here, level, -1):
        if error := t.take_table():
            return t.done(step, error, name=name)
        t.tables.add((above, at >> shift(above)))
    t.free_tables(at, level)
    t.pages[level, at >> shift(level)] = replace(page, ad=0)
    return t.done(step, 0, entry is None, name)


@scenario("map-sizes")
def map_sizes(nonce: int, seed: int) -> Scenario:
    """Small and large pages side by side, the first and the last; with all rights and types."""
    t = Tables(nonce, seed)
    at = t.at(2)
    ends = [(0, 1), ((1 << 48) - span(2), 2)]
    beside = [(at, 2), (at - span(1), 1), (at + span(2), 1), (at + span(2) + span(1), 1)]
    for place, level in t.rng.sample(beside + ends, len(beside + ends)):
        maps(t, place, level, t.page(level))
        t.walk(place + t.rng.randrange(span(level)))
        t.walk(place + span(level) - 1)
    for level in (4, 3, 2):
        t.walk(at, level, "way")
    for beyond in (at - span(1) - 1, at + span(2) + 2 * span(1), span(1)):
        t.walk(beyond, 1, "beside")
    t.free()
    return t.scenario()


@scenario("map-1g", on=EVERYWHERE)
def map_1g(nonce: int, seed: int) -> Scenario:
    """Where there are pages of 1 GiB. At last one takes the place of tables, which are empty."""
    t = Tables(nonce, seed)
    at = t.at(3)
    maps(t, at, 3, t.page(3))
    t.walk(at + span(3) - 1)
    maps(t, at + span(2), 2, t.page(2), "exists")
    maps(t, at + span(2), 3, t.page(3), "crooked")
    maps(t, at + span(3), 2, t.page(2))
    maps(t, at + span(3), 3, t.page(3), "exists")
    t.walk(at + span(3))
    for number in range(3):
        t.table(at + 2 * span(3) + number * span(2), 1)
    t.pool(0)
    maps(t, at + 2 * span(3), 3, t.page(3), "empty")
    t.walk(at + 2 * span(3))
    t.free()
    return t.scenario()


@scenario("map-refused")
def map_refused(nonce: int, seed: int) -> Scenario:
    """What is no page: not even a table may come of it."""
    t = Tables(nonce, seed)
    at = t.at(2)
    for level in (1, 2):
        page = t.page(level)
        for crooked in (1, span(level) // 2, span(level) - 1):
            maps(t, at + crooked, level, page, "crooked")
            maps(t, at, level, replace(page, hpa=page.hpa + crooked), "crooked")
        maps(t, (1 << 48) + t.rng.randrange(1 << 10) * span(level), level, page, "beyond")
        maps(t, -span(level) & U64, level, page, "beyond")
        for prot in (0, WRITE, EXEC, WRITE | EXEC):
            maps(t, at, level, replace(page, prot=prot), "rights")
    for level in (4, 5):
        maps(t, 0, level, replace(t.page(1), hpa=0), "level")
    t.walk(at, 1, "beside")
    return t.scenario()


@scenario("map-exists")
def map_exists(nonce: int, seed: int) -> Scenario:
    """Pages of the same size, larger and smaller ones are in the way, and stay as they are."""
    t = Tables(nonce, seed)
    small, large, huge, many = t.at(1), t.at(2), t.at(3), t.at(2)
    t.put(small, 1, t.page(1))
    t.put(large, 2, t.page(2))
    t.put(huge, 3, t.page(3))
    t.put(many + t.rng.randrange(512) * span(1), 1, t.page(1))
    maps(t, small, 1, t.page(1), "exists")
    for number in (0, t.rng.randrange(1, 511), 511):
        maps(t, large + number * span(1), 1, t.page(1), "exists")
    maps(t, large, 2, t.page(2), "exists")
    maps(t, huge + t.rng.randrange(1 << 18) * span(1), 1, t.page(1), "exists")
    maps(t, huge + t.rng.randrange(1 << 9) * span(2), 2, t.page(2), "exists")
    maps(t, small & -span(2), 2, t.page(2), "exists")
    maps(t, many, 2, t.page(2), "exists")
    for at in (small, large, huge, many):
        t.walk(at)
    t.walk(many, 2, "way")
    return t.scenario()


@scenario("map-empty-table")
def map_empty_table(nonce: int, seed: int) -> Scenario:
    """A table that small pages have left is replaced, and freed; that takes none from the pool."""
    t = Tables(nonce, seed)
    at, full = t.at(2), t.at(2)
    t.table(at, 1)
    t.put(full + 511 * span(1), 1, t.page(1))
    t.pool(0)
    maps(t, at, 2, t.page(2), "empty")
    t.walk(at)
    t.walk(at + span(2) - 1)
    maps(t, full, 2, t.page(2), "exists")
    t.walk(full + 511 * span(1))
    maps(t, full + 510 * span(1), 1, t.page(1))
    maps(t, at + span(2), 1, t.page(1), "again")
    t.walk(at + span(2), 1, "beside")
    t.free()
    return t.scenario()


@scenario("map-pool")
def map_pool(nonce: int, seed: int) -> Scenario:
    """The pool is empty, on the way, or just large enough."""
    t = Tables(nonce, seed)
    at = t.at(1)
    for left in (0, 2):
        t.pool(left)
        maps(t, at, 1, t.page(1), "none")
        t.walk(at)
    t.pool(1)
    maps(t, at, 1, t.page(1))
    maps(t, at + span(1), 1, t.page(1))
    maps(t, at + span(2), 1, t.page(1), "none")
    maps(t, (at & -span(2)) + span(2), 2, t.page(2))
    t.walk(at)
    t.free()
    return t.scenario()


@scenario("map-memory")
def map_memory(nonce: int, seed: int) -> Scenario:
    """The host has no memory left for the last of three tables."""
    t = Tables(nonce, seed)
    at = t.at(1)
    t.host(2)
    maps(t, at, 1, t.page(1), "memory")
    t.walk(at)
    t.free()
    return t.scenario()


# ---- 3.5: to split and to unmap ------------------------------------------------------------------

def split_at(t: Tables, at: int, level: int) -> int:
    """The page at `level` becomes smaller ones, if there is a table. An error, or 0."""
    place = level, at >> shift(level)
    if error := t.take_table():
        return error
    page = t.pages.pop(place)
    t.tables.add(place)
    for number in range(512):
        t.pages[level - 1, place[1] << 9 | number] = replace(
            page, hpa=page.hpa + number * span(level - 1))
    return 0


def splits(t: Tables, at: int, name: str = "split") -> str:
    """p2m_split(), by its contract."""
    level, page = t.find(at, 1)
    if not page or not page.prot or level == 1:
        return t.done(f"split:{at:x}", EINVAL if page and page.prot else ENOENT, name=name)
    error = split_at(t, at, level)
    more = {} if error else {"linked": 512}
    return t.done(f"split:{at:x}", error, not error, name, **more)


def unmaps(t: Tables, at: int, level: int, name: str = "unmap") -> str:
    """p2m_unmap(), by its contract."""
    step = f"unmap:{at:x}:{level}"
    if level > 3 or at % span(level) or at >> 48:
        return t.done(step, EINVAL, name=name)
    here, entry = t.find(at, level)
    if entry == ABSENT:
        return t.done(step, name=name)
    changed = here == level
    for above in range(here, level, -1):
        if error := split_at(t, at, above):
            return t.done(step, error, changed, name)
        changed = True
    t.free_tables(at, level)
    for place in [(here, number) for here, number in t.pages
                  if here <= level and number >> 9 * (level - here) == at >> shift(level)]:
        del t.pages[place]
    return t.done(step, 0, changed, name)


@scenario("split-large")
def split_large(nonce: int, seed: int) -> Scenario:
    """A page becomes 512 that are like it."""
    t = Tables(nonce, seed)
    for level in (2, 2, 3):
        at = t.at(level)
        t.put(at, level, t.page(level, ALL if level == 3 else READ | t.rng.choice([0, EXEC])))
        splits(t, at + t.rng.randrange(span(level)))
        for number in (0, t.rng.randrange(1, 511), 511):
            t.walk(at + number * span(level - 1) + t.rng.randrange(span(level - 1)), 1, "part")
        part = t.pages[level - 1, at >> shift(level - 1)]
        encoded = t.done(f"encode:{part.hpa:x}:{level - 1}:{part.words.split(':', 1)[1]}")
        t.done(f"walk:{at:x}:1", name="bits", entry=f"{encoded}.entry")
        t.walk(at, level, "way")
        for beside in (-1, span(level)):
            t.walk(at + beside, 1, "beside")
    splits(t, at + 511 * span(2))
    for number in (0, 511):
        t.walk(at + 511 * span(2) + number * span(1), 1, "part")
    t.walk(at + 510 * span(2), 1, "part")
    t.free()
    return t.scenario()


def without_table(t: Tables, error: int) -> Scenario:
    """There is no table for a split: all is as it was."""
    large, huge = t.at(2), t.at(3)
    t.put(large, 2, t.page(2))
    t.put(huge, 3, t.page(3))
    name = "none" if error == ENOSPC else "memory"
    if error == ENOSPC:
        t.pool(0)
    else:
        t.host(0)
    splits(t, large, name)
    unmaps(t, large + span(1), 1, name)
    t.walk(large + span(1), 1, "part")
    unmaps(t, large + span(2), 2, "nothing")
    if error == ENOSPC:
        t.pool(1)  # one of the two that are needed
        unmaps(t, huge + span(2) + span(1), 1, name)
        t.walk(huge + span(2) + span(1), 1, "part")
    unmaps(t, large, 2)
    t.walk(large, 1, "gone")
    t.free()
    return t.scenario()


@scenario("split-pool")
def split_pool(nonce: int, seed: int) -> Scenario:
    return without_table(Tables(nonce, seed), ENOSPC)


@scenario("split-memory")
def split_memory(nonce: int, seed: int) -> Scenario:
    return without_table(Tables(nonce, seed), ENOMEM)


@scenario("unmap-pages")
def unmap_pages(nonce: int, seed: int) -> Scenario:
    """Pages go as they came; what is beside them stays."""
    t = Tables(nonce, seed)
    for level in (1, 2):
        at = t.at(level)
        for number in range(3):
            t.put(at + number * span(level), level, t.page(level))
        unmaps(t, at + span(level), level)
        t.walk(at + span(level), 1, "gone")
        unmaps(t, at + span(level), level, "nothing")
        for number in (0, 2):
            t.walk(at + number * span(level), 1, "part")
    unmaps(t, t.at(1), 1, "nothing")
    unmaps(t, t.at(2), 2, "nothing")
    t.free()
    return t.scenario()


@scenario("unmap-parts")
def unmap_parts(nonce: int, seed: int) -> Scenario:
    """Of large pages only the part goes that is named, at the edges and within."""
    t = Tables(nonce, seed)
    for level, part in ((2, 1), (3, 2), (3, 1)):
        count = span(level) // span(part)
        at = t.at(level)
        t.put(at, level, t.page(level))
        for number in (count - 1, t.rng.randrange(2, count - 2)):
            gone = at + number * span(part)
            unmaps(t, gone, part)
            t.walk(gone, 1, "gone")
            t.walk(gone - 1, 1, "part")
            if number < count - 1:
                t.walk(gone + span(part), 1, "part")
        t.walk(at, 1, "part")
    t.free()
    return t.scenario()


@scenario("unmap-tables")
def unmap_tables(nonce: int, seed: int) -> Scenario:
    """Of a range that has small pages, or only had them, the tables go too, each once."""
    t = Tables(nonce, seed)
    at = t.at(2)
    for number in (0, 511):
        t.put(at + number * span(1), 1, t.page(1))
    t.put(at + span(2), 2, t.page(2))
    t.table(at + 2 * span(2), 1)
    unmaps(t, at, 2, "table")
    unmaps(t, at + 2 * span(2), 2, "table")
    for gone in (at, at + 511 * span(1), at + 2 * span(2)):
        t.walk(gone, 1, "gone")
    t.walk(at + span(2), 1, "part")
    t.put(at, 1, t.page(1))
    t.walk(at, 1, "part")
    t.free()
    return t.scenario()


@scenario("unmap-1g", on=EVERYWHERE)
def unmap_1g(nonce: int, seed: int) -> Scenario:
    """The same for tables of tables."""
    t = Tables(nonce, seed)
    at = t.at(3)
    t.put(at, 3, t.page(3))
    unmaps(t, at, 3)
    t.put(at, 1, t.page(1))
    t.put(at + 511 * span(2), 1, t.page(1))
    t.put(at + span(2), 2, t.page(2))
    t.put(at + span(3), 2, t.page(2))
    unmaps(t, at + span(2), 3, "crooked")
    unmaps(t, at, 3, "table")
    t.walk(at, 1, "gone")
    t.walk(at + span(2), 1, "gone")
    t.walk(at + span(3), 1, "part")
    t.free()
    return t.scenario()


@scenario("unmap-refused")
def unmap_refused(nonce: int, seed: int) -> Scenario:
    t = Tables(nonce, seed)
    at = t.at(2)
    t.put(at, 2, t.page(2))
    for level in (1, 2):
        for crooked in (1, span(level) // 2, span(level) - 1):
            unmaps(t, at + crooked, level, "crooked")
        unmaps(t, at + (1 << 48), level, "beyond")
    for level in (4, 5):
        unmaps(t, 0, level, "level")
    t.walk(at, 1, "part")
    t.walk(at + span(2) - 1, 1, "part")
    return t.scenario()

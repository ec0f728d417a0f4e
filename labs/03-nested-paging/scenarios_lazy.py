"""Lab 3: what a failed translation says, memory on first touch, and the log of dirty pages."""

from __future__ import annotations

from collections.abc import Mapping

from nestling.scenario import Place, Scenario, Value, scenario, vm_text

AMD = {"tcg": "", "bochs-svm": ""}
INTEL = {"bochs-vmx": ""}

READ, WRITE, EXEC = 1, 2, 4  # HV_PROT_* (hv/api.h)
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
STATUS_FAILED = 125  # of a VM that did not end by itself (hv/vmm/vmm.c)
ALL = 0xFFFFFFFFFFFFFFFF
ANY = range(100_000)  # as many exits as it takes


def vm(name: str, kernel: str, first: int = 0, second: int = 0, *, memory: str = "2M lazy",
       more: str = "", budget: int = 10_000_000) -> str:
    """One VM with lazy memory, which ends by itself."""
    text = vm_text(name, kernel, memory=memory, args=(first, second), budget=budget)
    return text.replace("}\n", f"    {more}\n}}\n") if more else text


# ---- 3.6: violations -----------------------------------------------------------------------------

# What guest/violate.64.S does to an address, by number, and at which of its instructions.
PLACES = ("read", "write", "fetch", "change", "walked")
READS, WRITES, FETCHES, CHANGES, WALKS = range(5)


def violations(*accesses: tuple[int, int, int, Value]) -> Scenario:
    """A VM for each access: what it does, to which address, where its ROM is (0: it has none), and
    which rights it must be told to want.
    """
    text = ""
    exits: list[tuple[str, Place]] = []
    see: dict[str, Value] = {}
    for number, (what, address, rom, access) in enumerate(accesses, 1):
        one = vm_text(f"vm{number}", "violate.64.elf", args=(what, address))
        text += one.replace("}\n", f'    rom "zeros" {rom:#x}\n}}\n') if rom else one
        exits.append(("memory", address if what == FETCHES else f"violate.64.elf:{PLACES[what]}"))
        see |= {f"{number}.gpa": address, f"{number}.access": access,
                f"{number}.mapped": rom > 0, f"{number}.walk": what == WALKS}
    return Scenario(text, exits=exits, words=f"until=violation:{len(accesses)}", see=see,
                    files={"zeros": bytes(16)})


def addresses(nonce: int, seed: int) -> tuple[int, int]:
    """Where there is no memory, and where a ROM can be."""
    return 0x80000000 | nonce & 0x3FFFFFF8, 0x40000000 | seed & 0x3FFFF000


@scenario("violations-amd", on=AMD)
def violations_amd(nonce: int, seed: int) -> Scenario:
    """A read-modify-write begins with its read, on QEMU, or is a write."""
    nowhere, rom = addresses(nonce, seed)
    return violations(
        (READS, nowhere, 0, READ), (WRITES, nowhere, 0, WRITE), (FETCHES, nowhere, 0, EXEC),
        (CHANGES, nowhere, 0, (READ, WRITE)), (WALKS, nowhere & ~0xFFF, 0, WRITE),
        (WRITES, rom + 8, rom, WRITE), (WALKS, rom, rom, WRITE))


@scenario("violations-intel", on=INTEL)
def violations_intel(nonce: int, seed: int) -> Scenario:
    """A read-modify-write is both; Bochs tells of the write only."""
    nowhere, rom = addresses(nonce, seed)
    return violations(
        (READS, nowhere, 0, READ), (WRITES, nowhere, 0, WRITE), (FETCHES, nowhere, 0, EXEC),
        (CHANGES, nowhere, 0, (READ | WRITE, WRITE)), (WALKS, nowhere & ~0xFFF, 0, READ),
        (WRITES, rom + 8, rom, WRITE))


# ---- 3.7: on first touch -------------------------------------------------------------------------

FIRST = 16 * MIB  # where guest/lazy.64.c begins


def lazy(name: str, end: int, step: int, seed: int = 0, more: str = "",
         budget: int = 10_000_000) -> str:
    """A VM that touches a page each `step` bytes, up to `end`; its stack is above."""
    return vm(name, "lazy.64.elf", end | seed & 0xFFF, step,
              memory=f"{(end + MIB) // KIB}K lazy", more=more, budget=budget)


def touches(end: int, step: int) -> int:
    """How many pages it touches."""
    return -(-(end - FIRST) // step)


def untouched(end: int, step: int) -> Mapping[str, str]:
    """What it finds: pages that are zero at first, and keep what is written to them."""
    return {"pages": f"{touches(end, step):#x}", "used": "0x0", "wrong": "0x0"}


@scenario("touch")
def touch(nonce: int, seed: int) -> Scenario:
    """A guest larger than its host; and one whose pages the next one gets."""
    sizes = {"large": (96 * GIB, GIB), "one": (17 * MIB + seed % 64 * PAGE, 4 * PAGE),
             "two": (20 * MIB + nonce % 64 * PAGE, 16 * PAGE)}
    count = sum(touches(*size) for size in sizes.values())
    return Scenario(
        "".join(lazy(name, *size, seed=nonce) for name, size in sizes.items()),
        stops={name: "exit" for name in sizes},
        exits={"memory": range(count, count + 4 * len(sizes)), "io": ANY},
        prints={name: untouched(*size) for name, size in sizes.items()},
        words="until=end", see={"pages missing": 0})


@scenario("touch-limits")
def touch_limits(nonce: int, seed: int) -> Scenario:
    """What can't be had stops a VM, and that one only. `low` lies across a page's edge."""
    rom = 16 * MIB + seed % 256 * PAGE
    exit_0 = bytes((0x31, 0xC0, 0xE6, 0xF4))  # XOR EAX, EAX; OUT 0xf4, AL
    return Scenario(
        lazy("many", GIB, 2 * MIB, more="pool 50")
        + vm("beyond", "violate.64.elf", 0, 2 * MIB + 8 * (nonce % 0x10000))
        + vm("writes", "violate.64.elf", 1, rom + 8 * (nonce % 256), more=f'rom "low" {rom:#x}')
        + vm("low", "low", more=f"load {0x8FFD + nonce % 3:#x}"),
        stops={"many": "pool", "beyond": "memory", "writes": "memory", "low": "exit"},
        exits={"memory": ANY, "io": 1}, words="until=end", see={"pages missing": 0},
        status=STATUS_FAILED, files={"low": exit_0})


@scenario("touch-no-memory", on={"tcg": "", "bochs-vmx": ""})
def touch_no_memory(nonce: int, seed: int) -> Scenario:
    """The host's memory is used up; then it is given back."""
    return Scenario(
        lazy("greedy", 64 * GIB, 2 * MIB, budget=0) + vm("other", "hello.64.elf", nonce % 100),
        stops={"greedy": "no_memory", "other": "exit"}, exits={"memory": ANY, "io": ANY},
        words="until=end", see={"pages missing": 0}, status=STATUS_FAILED, memory=16)


# ---- 3.10: the log of dirty pages ----------------------------------------------------------------

ROUNDS, TOUCHES = 3, 24  # of guest/dirty.64.c
CODE_PAGE = 7


class Memory:
    """What guest/dirty.64.c does to its pages; it counts exits, and knows what is dirty."""

    def __init__(self, pages: int) -> None:
        self.watched = range(pages)
        self.mapped: set[int] = set()
        self.dirty: set[int] = set()
        self.exits = 0

    def read(self, page: int) -> None:
        """The first touch of a page is an exit."""
        self.exits += page not in self.mapped
        self.mapped.add(page)

    def write(self, page: int) -> None:
        """So is a write to one that is watched, and clean."""
        clean = page in self.watched and page not in self.dirty
        self.exits += page not in self.mapped or clean
        self.mapped.add(page)
        if clean:
            self.dirty.add(page)

    def report(self) -> list[int]:
        """What is dirty; nothing is, from now on."""
        pages, self.dirty = sorted(self.dirty), set()
        return pages


def written(pages: int, seed: int) -> tuple[list[list[int]], int]:
    """The pages that each report of guest/dirty.64.c has, and its memory exits."""
    memory = Memory(pages)
    reports = []
    x = seed | 1
    memory.write(CODE_PAGE)
    for _ in range(ROUNDS):
        for page in (-1, pages):
            memory.read(page)
            memory.write(page)
        memory.write(0)
        memory.write(pages - 1)
        for _ in range(TOUCHES):
            x = (x ^ x << 13) & ALL
            x ^= x >> 7
            x = (x ^ x << 17) & ALL
            (memory.write if x >> 60 & 1 else memory.read)(x % pages)
        reports.append(memory.report())
    return reports, memory.exits


@scenario("dirty")
def dirty(nonce: int, seed: int) -> Scenario:
    """Each report has what was written to since the one before, and nothing else."""
    pages, first = 100 + nonce % 29, MIB + seed % 256 * PAGE
    reports, exits = written(pages, seed)
    return Scenario(
        vm("watched", "dirty.64.elf", first, seed << 16 | pages, memory="4M lazy",
           more=f"watch {first:#x} {pages * PAGE:#x}"),
        stops={"watched": "exit"}, exits={"memory": exits + 1, "io": ROUNDS},  # and its stack
        words="audit",  # what CPUs may have cached, too
        dirty={"watched": [[first + page * PAGE for page in report] for report in reports]})


# ---- 3.11: a prediction --------------------------------------------------------------------------

@scenario("predict-touch")
def predict_touch(nonce: int, seed: int) -> Scenario:
    """How many exits there are is for the student to find out."""
    return Scenario(
        vm("touch", "touch.64.elf", memory="4M lazy"), stops={"touch": "halt"},
        exits={"memory": range(1, 20), "hlt": 1},
        predict="labs/03-nested-paging/predict.txt")


# ---- 3.12: a guest that doubts its memory --------------------------------------------------------

@scenario("wary")
def wary(nonce: int, seed: int) -> Scenario:
    """What a student's guest does on its way is its own business."""
    return Scenario(
        vm("wary", "wary.64.elf", nonce, seed, memory="8M lazy", budget=40_000_000),
        stops={"wary": "exit"},
        exits={"memory": range(1, len(ANY)), "io": ANY, "cpuid": ANY, "hypercall": ANY})

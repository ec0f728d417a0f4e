"""Scenarios: what virtual machines are made to do, and what must come of it.

A lab's scenarios are functions in labs/NN-name/scenarios.py, or scenarios_amd.py and the like
beside it. Each gets two random numbers and returns a Scenario, which says in advance all that there
will be to see. Machines report raw values only; to know the right ones is the business of the
function, never of the machine.

    from nestling.scenario import Scenario, scenario, vm_text

    @scenario("first-long")
    def first_long(nonce: int, seed: int) -> Scenario:
        return Scenario(vm_text("first", "first.64.elf", args=(nonce, seed), exits=1),
                        exits=[("hlt", "first.64.elf:done")],
                        stops={"first": "exits"},
                        state={"first": {"rax": 0x80000011}})

Such a scenario is the same on every platform, so it speaks of neutral exits and registers only.
What depends on the machine names the machines, and can look at control blocks:

    @scenario("no-npt", on={"tcg": "qemu64,+svm"})
    def no_npt(nonce: int, seed: int) -> Scenario:
        return Scenario(vm_text("first", "first.64.elf"), exits=[], words="until=controls",
                        see={"n_cr3": 0, "intercept_misc1": Bits(one={"CPUID": 1 << 18})})
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nestling.boot import VmFile
from nestling.errors import UserError
from nestling.platforms import PLATFORMS

Value = int | tuple[int, ...]  # a tuple: any of these is right
Place = str | int | None  # "file.elf:symbol", "file.elf:symbol+0x2", an address, or anywhere
# Either each exit in its order, (neutral reason, guest's instruction), or how many of each reason
# there are. A range has all the numbers that are right: range(1, 10) is 1 to 9.
Exits = Sequence[tuple[str, Place]] | Mapping[str, int | range]


@dataclass(frozen=True)
class Bits:
    """What is right for some bits of a value: masks by the names of the bits."""

    one: Mapping[str, int] = field(default_factory=dict)
    zero: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """What to boot, and what is right. What is not mentioned is not looked at."""

    vm: str  # text of the VM file
    exits: Exits  # according to the emulator's own record
    stops: Mapping[str, str] = field(default_factory=dict)  # by VM: the reason why it stops
    state: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)  # by VM and register
    prints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by VM: its key=value
    dirty: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)  # by VM: pages
    # Of the lines `see NAME=...`; a str is the name of another line, which has the same value.
    see: Mapping[str, Value | Bits | str] = field(default_factory=dict)
    failures: bool = False  # VM entries fail on purpose; the emulator's word on it is no finding
    predict: str = ""  # path of the file in which a student says what the first exits will be
    predict_count: int = 10  # so many exits
    status: int = 0  # of the hypervisor's end line
    files: Mapping[str, bytes] = field(default_factory=dict)  # for the VM file to name
    words: str = ""  # for the hypervisor's command line
    memory: int = 256  # of the machine, in MiB
    instructions: int = 100_000_000  # of the machine; whoever needs more goes round in circles
    seconds: float = 60.0  # wall clock, a backstop: the budget of instructions ends a loop


@dataclass(frozen=True)
class Factory:
    """A scenario by name, before the random numbers are known."""

    name: str
    make: Callable[[int, int], Scenario]
    path: str  # of the file that has it
    on: Mapping[str, str] | None = None  # only for these platforms: CPU models, "" for the usual

    def __call__(self, seed: int) -> Scenario:
        """The scenario for the run `seed`. Raises UserError if it contradicts itself."""
        try:
            made = self.make(*numbers(seed, self.name))
        except Exception as error:
            raise UserError(f"{self.path}: scenario {self.name}: {_complaint(error)}") from None
        known = VmFile(f"{self.name}.vm", made.vm).vms
        for name in (*made.stops, *made.state, *made.prints, *made.dirty):
            if name not in known:
                raise UserError(f"{self.path}: scenario {self.name}: no VM is called {name!r}; "
                                f"there are: {', '.join(known) or 'none'}")
        if isinstance(made.exits, Mapping):
            for reason, count in made.exits.items():
                if isinstance(count, range) and not count:
                    raise UserError(f"{self.path}: scenario {self.name}: exits {reason}: {count} "
                                    "has no numbers; for none say 0")
        return made


def scenario(name: str, on: Mapping[str, str] | None = None
             ) -> Callable[[Callable[[int, int], Scenario]], Factory]:
    """Make a function of (nonce, seed) the scenario `name`. Both numbers have 32 bits.

    Args:
        on: the only platforms to run it on, each with its CPU model; "" is the default one.
    """
    def mark(make: Callable[[int, int], Scenario]) -> Factory:
        return Factory(name, make, make.__code__.co_filename, on)
    return mark


def vm_text(name: str, kernel: str, *, mode: str = "long", memory: str = "2M",
            args: tuple[int, int] = (0, 0), exits: int = 0, bare: bool = False,
            budget: int = 5_000_000) -> str:
    """One VM, as a VM file has it. hv/load/vmfile.h explains the keys.

    Args:
        exits: the VM stops after so many; 0: it has no such limit.
        bare: nothing is emulated; the VM stops at its first exit.
        budget: TSC ticks that the VM may use; 0: it has no such limit.
    """
    lines = [f"memory {memory}", f"mode {mode}", f'kernel "{kernel}"',
             f"args {args[0]:#x} {args[1]:#x}"]
    lines += [f"exits {exits}"] if exits else []
    lines += [f"budget {budget}"] if budget else []
    lines += ["bare"] if bare else []
    return f'vm "{name}" {{\n' + "".join(f"    {line}\n" for line in lines) + "}\n"


class TableSteps:
    """What to do to second-level tables, and what must be seen of it: hv/mm/p2m_script.h."""

    MAX_WORDS = 1900  # characters: a command line has 2047, and there are other words
    MEMORY = 16  # MiB: some steps use it up, page by page

    def __init__(self) -> None:
        self._steps: list[str] = []
        self._see: dict[str, Value | Bits | str] = {}
        self._names: Counter[str] = Counter()

    def add(self, step: str, see: Mapping[str, Value | Bits | str], name: str) -> str:
        """Do `step`, "walk:1000:1", and see {"level": 1}. The same name gets another number each
        time; it says what is tried, so that evidence and hints can. Returns it with its number.
        """
        self._names[name] += 1
        full = f"{name}-{self._names[name]}"
        self._steps.append(f"{full}={step}")
        self._see |= {f"{full}.{what}": value for what, value in see.items()}
        return full

    def scenario(self) -> Scenario:
        """A machine that does all this and runs no guest."""
        words = f"p2m={','.join(self._steps)}"
        if len(words) > self.MAX_WORDS:
            raise ValueError(f"the steps have {len(words)} characters; only {self.MAX_WORDS} fit")
        return Scenario(vm_text("first", "first.64.elf"), exits=[], words=words, see=self._see,
                        memory=self.MEMORY)


def numbers(seed: int, name: str) -> tuple[int, int]:
    """The two random numbers of the scenario `name` in the run `seed`."""
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def load(root: Path) -> dict[str, Factory]:
    """The scenarios of all labs of the tree `root`, by name.

    Runs the labs' code. Raises UserError, naming the file, for one that can't be used.
    """
    found: dict[str, Factory] = {}
    for file in sorted(root.glob("labs/*/scenarios*.py")):
        path = file.relative_to(root).as_posix()
        for value in _import(file, path).values():
            if not isinstance(value, Factory):
                continue
            if value.name in found:
                raise UserError(f"{path}: scenario {value.name} is in "
                                f"{found[value.name].path} already")
            found[value.name] = dataclasses.replace(value, path=path)
            _check_on(found[value.name])
    return found


def _check_on(factory: Factory) -> None:
    """Raise UserError if a scenario is for a machine that there is not."""
    where = f"{factory.path}: scenario {factory.name}: on"
    if factory.on is not None and not factory.on:
        raise UserError(f"{where}: names no platform; leave it out for all of them")
    for key, model in (factory.on or {}).items():
        if key not in PLATFORMS:
            raise UserError(f"{where}: there is no platform {key!r}; there are: "
                            f"{', '.join(PLATFORMS)}")
        models = PLATFORMS[key].models
        if model and model not in models:
            raise UserError(f"{where}: {key} has no CPU model {model!r}; it has: "
                            f"{', '.join(models) or 'no models to choose from'}")


def _import(file: Path, path: str) -> dict[str, object]:
    """The names that a file of scenarios defines."""
    where = PurePosixPath(path)
    name = f"nestling_{where.parent.name}_{where.stem}".replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{path}: {_complaint(error)}") from None
    return vars(module)


def _complaint(error: Exception) -> str:
    """An exception of a lab's own code in one line: where, what."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    line = traceback.extract_tb(error.__traceback__)[-1].lineno
    return f"line {line}: {type(error).__name__}: {error}"

"""Scenarios: what virtual machines are made to do, and what must come of it.

A lab's scenarios are functions in labs/NN-name/scenarios.py. Each gets two random numbers and
returns a Scenario, which says in advance all that there will be to see. Machines report raw
values only; to know the right ones is the business of the function, never of the machine.

    from nestling.scenario import Scenario, scenario

    @scenario("first-long")
    def first_long(nonce: int, seed: int) -> Scenario:
        return Scenario(vm='vm "first" { kernel "first.64.elf" ... }',
                        stops={"first": "exits"},
                        state={"first": {"rax": 0x80000011}},
                        exits=[("hlt", "first.64.elf:done")])

Every scenario is the same on every platform, so it speaks of neutral exits and registers only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nestling.boot import VmFile
from nestling.errors import UserError

Value = int | tuple[int, ...]  # a tuple: any of these is right
Place = str | int | None  # "file.elf:symbol", "file.elf:symbol+0x2", an address, or anywhere


@dataclass(frozen=True)
class Scenario:
    """What to boot, and what is right. What is not mentioned is not looked at."""

    vm: str  # text of the VM file
    stops: Mapping[str, str] = field(default_factory=dict)  # by VM: the reason why it stops
    state: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)  # by VM and register
    prints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by VM: its key=value
    exits: Sequence[tuple[str, Place]] | None = None  # (neutral reason, guest's instruction)
    status: int = 0  # of the hypervisor's end line
    files: Mapping[str, bytes] = field(default_factory=dict)  # for the VM file to name
    words: str = ""  # for the hypervisor's command line
    instructions: int = 200_000_000  # of the machine; whoever needs more goes round in circles
    seconds: float = 60.0  # wall clock, a backstop: the budget of instructions ends a loop


@dataclass(frozen=True)
class Factory:
    """A scenario by name, before the random numbers are known."""

    name: str
    make: Callable[[int, int], Scenario]
    path: str  # of the file that has it

    def __call__(self, seed: int) -> Scenario:
        """The scenario for the run `seed`. Raises UserError if it contradicts itself."""
        try:
            made = self.make(*numbers(seed, self.name))
        except Exception as error:
            raise UserError(f"{self.path}: scenario {self.name}: {_complaint(error)}") from None
        known = VmFile(f"{self.name}.vm", made.vm).vms
        for name in (*made.stops, *made.state, *made.prints):
            if name not in known:
                raise UserError(f"{self.path}: scenario {self.name}: no VM is called {name!r}; "
                                f"there are: {', '.join(known) or 'none'}")
        return made


def scenario(name: str) -> Callable[[Callable[[int, int], Scenario]], Factory]:
    """Make a function of (nonce, seed) the scenario `name`. Both numbers have 32 bits."""
    def mark(make: Callable[[int, int], Scenario]) -> Factory:
        return Factory(name, make, make.__code__.co_filename)
    return mark


def numbers(seed: int, name: str) -> tuple[int, int]:
    """The two random numbers of the scenario `name` in the run `seed`."""
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def load(root: Path) -> dict[str, Factory]:
    """The scenarios of all labs of the tree `root`, by name.

    Runs the labs' code. Raises UserError, naming the file, for one that can't be used.
    """
    found: dict[str, Factory] = {}
    for file in sorted(root.glob("labs/*/scenarios.py")):
        path = file.relative_to(root).as_posix()
        for value in _import(file, path).values():
            if not isinstance(value, Factory):
                continue
            if value.name in found:
                raise UserError(f"{path}: scenario {value.name} is in "
                                f"{found[value.name].path} already")
            found[value.name] = Factory(value.name, value.make, path)
    return found


def _import(file: Path, path: str) -> dict[str, object]:
    """The names that a file of scenarios defines."""
    name = f"nestling_{PurePosixPath(path).parent.name.replace('-', '_')}"
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

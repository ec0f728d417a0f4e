"""scenario.py: labs' files of scenarios, and the numbers that they get."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nestling import scenario
from nestling.errors import UserError
from nestling.scenario import Factory, Scenario, TableSteps, load, numbers, vm_text

HEAD = "from nestling.scenario import Scenario, scenario\n\n\n"
GOOD = HEAD + """\
@scenario("one")
def one(nonce, seed):
    return Scenario(vm=f'vm "a" {{ args {nonce:#x} {seed:#x} }}', stops={"a": "exits"}, exits=[])
"""


def put(root: Path, lab: str, text: str) -> None:
    (root / "labs" / lab).mkdir(parents=True, exist_ok=True)
    (root / "labs" / lab / "scenarios.py").write_text(text)


def test_load(tmp_path: Path) -> None:
    put(tmp_path, "01-first", GOOD)
    put(tmp_path, "02-second", GOOD.replace('"one"', '"two"'))
    found = load(tmp_path)
    assert list(found) == ["one", "two"]
    assert found["two"].path == "labs/02-second/scenarios.py"
    nonce, seed = numbers(7, "one")
    assert found["one"](7).vm == f'vm "a" {{ args {nonce:#x} {seed:#x} }}'


def test_numbers_are_new_for_each_seed_and_scenario_and_the_same_again() -> None:
    drawn = [number for seed in (0, 1, 1 << 64) for name in ("a", "b")
             for number in numbers(seed, name)]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= number < 1 << 32 for number in drawn)
    assert numbers(1, "a") == numbers(1, "a")


def test_a_name_twice(tmp_path: Path) -> None:
    put(tmp_path, "01-first", GOOD)
    put(tmp_path, "02-second", GOOD)
    with pytest.raises(UserError, match="^labs/02-second/scenarios.py: scenario one is in "
                                        "labs/01-first/scenarios.py already$"):
        load(tmp_path)


@pytest.mark.parametrize("text, complaint", [
    ("import nonsense_that_is_not_there\n", "line 1: ModuleNotFoundError: No module named "),
    ("x = 1\ny = x / 0\n", "line 2: ZeroDivisionError: "),
    ("def broken(:\n", "line 1: invalid syntax"),
])
def test_a_file_that_is_broken(tmp_path: Path, text: str, complaint: str) -> None:
    put(tmp_path, "01-first", text)
    with pytest.raises(UserError, match=f"^labs/01-first/scenarios.py: {complaint}"):
        load(tmp_path)


def test_a_scenario_that_is_broken(tmp_path: Path) -> None:
    put(tmp_path, "01-first", GOOD.replace("return", "return nonce / 0,"))
    with pytest.raises(UserError, match="scenario one: line 6: ZeroDivisionError"):
        load(tmp_path)["one"](1)


@pytest.mark.parametrize("extra", ['state={"b": {"rax": 1}}', 'prints={"b": {"x": "1"}}'])
def test_a_vm_that_the_file_does_not_have(tmp_path: Path, extra: str) -> None:
    put(tmp_path, "01-first", GOOD.replace('stops={"a": "exits"}', extra))
    with pytest.raises(UserError, match="no VM is called 'b'; there are: a$"):
        load(tmp_path)["one"](1)


def test_the_decorator() -> None:
    @scenario.scenario("name")
    def make(nonce: int, seed: int) -> Scenario:
        return Scenario(vm="", exits=[])

    assert isinstance(make, Factory)
    assert make.on is None
    assert make(3) == Scenario(vm="", exits=[])


def test_each_file_of_scenarios_is_a_world_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, "01-first", GOOD + "helper = 1\n")
    (tmp_path / "labs/01-first/scenarios_amd.py").write_text(
        GOOD.replace('"one"', '"two", on={"tcg": "qemu64,+svm", "bochs-svm": ""}'))
    found = load(tmp_path)
    assert list(found) == ["one", "two"]
    assert found["two"].path == "labs/01-first/scenarios_amd.py"
    assert (found["one"].on, found["two"].on) == (None, {"tcg": "qemu64,+svm", "bochs-svm": ""})


@pytest.mark.parametrize("on, complaint", [
    ('{"vax": ""}', "there is no platform 'vax'; there are: tcg, "),
    ('{"tcg": "vax"}', "tcg has no CPU model 'vax'; it has: max, "),
    ('{"kvm": "host"}', "kvm has no CPU model 'host'; it has: no models to choose from"),
    ('{}', "names no platform; leave it out for all of them"),
])
def test_a_machine_that_there_is_not(tmp_path: Path, on: str, complaint: str) -> None:
    put(tmp_path, "01-first", GOOD.replace('"one"', f'"one", on={on}'))
    with pytest.raises(UserError, match=f"^labs/01-first/scenarios.py: scenario one: on: "
                                        f"{re.escape(complaint)}"):
        load(tmp_path)


def test_a_range_without_numbers(tmp_path: Path) -> None:
    put(tmp_path, "01-first", GOOD.replace("exits=[]", 'exits={"hlt": range(0)}'))
    with pytest.raises(UserError, match="scenario one: exits hlt: range.* has no numbers"):
        load(tmp_path)["one"](1)


def test_the_text_of_a_vm() -> None:
    assert vm_text("a", "b.elf") == (
        'vm "a" {\n    memory 2M\n    mode long\n    kernel "b.elf"\n    args 0x0 0x0\n'
        "    budget 5000000\n}\n")
    text = vm_text("a", "b.elf", mode="real", memory="64K", args=(1, 2), exits=3, bare=True,
                   budget=0)
    assert text.splitlines()[1:-1] == [
        "    memory 64K", "    mode real", '    kernel "b.elf"', "    args 0x1 0x2",
        "    exits 3", "    bare"]


def test_steps_on_tables() -> None:
    steps = TableSteps()
    assert steps.add("table:1000:1", {}, "way") == "way-1"
    assert steps.add("walk:1000:1", {"level": 1, "prot": 0}, "absent") == "absent-1"
    steps.add("walk:0:1", {"entry": "absent-1.entry"}, "absent")
    made = steps.scenario()
    assert made.words == "p2m=way-1=table:1000:1,absent-1=walk:1000:1,absent-2=walk:0:1"
    assert made.see == {"absent-1.level": 1, "absent-1.prot": 0,
                        "absent-2.entry": "absent-1.entry"}
    assert made.exits == []


def test_more_steps_than_a_command_line_has_room_for() -> None:
    steps = TableSteps()
    for number in range(100):
        steps.add(f"walk:{number << 40:x}:1", {}, "walk")
    with pytest.raises(ValueError, match="the steps have 2[0-9]{3} characters; only 1900 fit"):
        steps.scenario()

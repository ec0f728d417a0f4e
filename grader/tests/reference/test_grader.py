"""The grader against the real thing: the reference, starters, mutants and cheats, on emulators.

One tree is exported and built, and its exercises' bodies are changed for each test, so that
`make` has little to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nestling import labs, splice, tree
from nestling.labs import Exercise, Mutant
from nestling.platforms import PLATFORMS

ROOT = Path(__file__).resolve().parents[3]
LABS = labs.load(ROOT)
EXERCISES = labs.all_exercises(LABS)
MUTANTS = [mutant for lab in LABS for mutant in lab.mutants]
SCHEMA = json.loads((ROOT / "grader" / "grade.schema.json").read_text())
ON = {"amd": "tcg,bochs-svm", "intel": "bochs-vmx", "common": "tcg,bochs-svm,bochs-vmx"}
ALL = ON["common"]

pytestmark = pytest.mark.skipif(
    not all(PLATFORMS[key].probe().ok for key in ALL.split(",")), reason="an emulator is missing")


@dataclass
class Graded:
    """What one call of the command gave."""

    status: int
    out: str
    json: dict[str, Any]

    def exercise(self, ident: str, track: str) -> dict[str, Any]:
        found: dict[str, Any] = next(entry for entry in self.json["exercises"]
                                     if (entry["id"], entry["track"]) == (ident, track))
        return found


@dataclass
class Workshop:
    """A student's tree, whose exercises can be exchanged."""

    path: Path

    def use_reference(self, *but: Exercise) -> None:
        """Every exercise solved; those in `but` are stubs."""
        for exercise in EXERCISES:
            if exercise in but:
                self.change(lambda: tree.put_stub(self.path, exercise), exercise)
            else:
                self.change(lambda: self.put(exercise), exercise)

    def put(self, exercise: Exercise) -> None:
        for func in exercise.funcs:
            tree.put_body(self.path, exercise, tree.take_piece(ROOT, func))

    def change(self, action: Any, exercise: Exercise) -> None:
        """Do it; files that turn out as they were keep their age, so that make skips them."""
        files = {self.path / func.path for func in exercise.funcs}
        before = {file: (file.read_bytes(), file.stat()) for file in files}
        action()
        for file, (data, stat) in before.items():
            if file.read_bytes() == data:
                os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def mutate(self, mutant: Mutant) -> None:
        exercise = next(exercise for exercise in EXERCISES
                        if (exercise.id, exercise.track) == (mutant.exercise, mutant.track))
        tree.put_body(self.path, exercise, splice.take(mutant.text, mutant.func.name, mutant.path))

    def write(self, exercise: Exercise, body: str) -> None:
        """Make `body` (without its braces) the body of a C function."""
        func = exercise.funcs[0]
        file = self.path / func.path
        file.write_text(splice.set_body(file.read_text(), func.name, f"{{\n{body}\n}}", func.path))

    def grade(self, *words: str) -> Graded:
        """Run the command on the tree."""
        file = self.path / "build" / "grade.json"
        file.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "nestling.cli_grade", "--tree", str(self.path), "--json",
             str(file), *words], env={**os.environ, "PYTHONPATH": str(ROOT / "grader")}, cwd=ROOT,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        assert "Traceback" not in done.stdout
        result = json.loads(file.read_text())
        jsonschema.validate(result, SCHEMA)
        return Graded(done.returncode, done.stdout, result)


@pytest.fixture(scope="module", name="starter")
def starter_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter, built once for all."""
    path = tmp_path_factory.mktemp("grader") / "tree"
    tree.export(ROOT, path)
    subprocess.run(["make", "-s", "-j2", "-C", str(path), "BUILD=build", "all"], check=True)
    return path


@pytest.fixture(name="workshop")
def workshop_fixture(starter: Path) -> Iterator[Workshop]:
    workshop = Workshop(starter)
    workshop.use_reference()
    yield workshop


def find(ident: str, track: str) -> Exercise:
    return next(exercise for exercise in EXERCISES
                if (exercise.id, exercise.track) == (ident, track))


def test_the_reference_gets_everything_everywhere(workshop: Workshop) -> None:
    graded = workshop.grade("--on", ALL)
    points = sum(exercise.points for exercise in EXERCISES)
    assert (graded.status, graded.json["score"], graded.json["max"]) == (0, points, points)
    assert {entry["status"] for entry in graded.json["exercises"]} == {"passed"}


def test_the_reference_on_an_older_intel_cpu(workshop: Workshop) -> None:
    graded = workshop.grade("--on", "bochs-vmx", "--model", "corei7_haswell_4770")
    assert graded.status == 0
    assert "(corei7_haswell_4770)" in graded.out


def test_a_starter_gets_nothing_and_no_error(workshop: Workshop) -> None:
    workshop.use_reference(*EXERCISES)
    graded = workshop.grade("--on", ALL)
    assert (graded.status, graded.json["score"]) == (1, 0)
    for exercise in EXERCISES:
        entry = graded.exercise(exercise.id, exercise.track)
        if exercise.needs:
            assert entry["status"] == "skipped"
        else:
            name = exercise.funcs[0].name
            assert entry["status"] == "failed"
            assert entry["hint"] == f"exercise {exercise.id} ({name}) is yours: {exercise.handout}"


@pytest.mark.parametrize("exercise", EXERCISES, ids=str)
def test_a_stub_costs_its_own_points(workshop: Workshop, exercise: Exercise) -> None:
    workshop.use_reference(exercise)
    graded = workshop.grade("--on", ON[exercise.track])
    for entry in graded.json["exercises"]:
        me = (entry["id"], entry["track"]) == (exercise.id, exercise.track)
        needs = find(entry["id"], entry["track"]).needs
        if me:
            assert entry["status"] == "failed"
        elif exercise.id not in needs:
            assert entry["status"] in ("passed", "skipped")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.track}-{mutant.name}")
def test_a_mutant_is_caught_with_its_hint(workshop: Workshop, mutant: Mutant) -> None:
    workshop.mutate(mutant)
    graded = workshop.grade("--on", ON[mutant.track], "--ex", mutant.exercise)
    entry = graded.exercise(mutant.exercise, mutant.track)
    assert (graded.status, entry["status"], entry["score"]) == (1, "failed", 0)
    for platform in ON[mutant.track].split(","):
        runs = [run for run in entry["runs"] if run["platform"] == platform]
        assert {run["status"] for run in runs} <= {"passed", "failed"}
        hints = {run["hint"] for run in runs if run["status"] == "failed"}
        assert hints == {mutant.hint}, [run["evidence"] for run in runs]


SVM, VMX = find("1.4", "amd"), find("1.4", "intel")


def test_the_commands_reproduce_what_they_say(workshop: Workshop) -> None:
    workshop.mutate(next(mutant for mutant in MUTANTS if mutant.name == "no-long-cs"))
    graded = workshop.grade("--on", "tcg", "--ex", "1.4", "--seed", "7")
    assert f"make grade TREE={workshop.path} EX=1.4 ON=tcg SEED=7\n" in graded.out
    vm_file = workshop.path / "build" / "grade" / "first-long.vm"
    assert f"scripts/run {vm_file} --on tcg --gdb --build {workshop.path}/build\n" in graded.out
    done = subprocess.run([ROOT / "scripts" / "run", vm_file, "--build", workshop.path / "build",
                           "--on", "tcg"], capture_output=True, text=True, check=False)
    assert "cs.attr=0xc09b" in done.stdout
    again = workshop.grade("--on", "tcg", "--ex", "1.4", "--seed", "7")
    assert without_times(again) == without_times(graded)


def without_times(graded: Graded) -> list[Any]:
    return [{**run, "seconds": 0} for entry in graded.json["exercises"] for run in entry["runs"]]


def test_a_compile_error_is_the_students(workshop: Workshop) -> None:
    workshop.write(SVM, "\tvmcb_of(v)->nonsense = 1;")
    graded = workshop.grade()
    assert graded.status == 1
    assert graded.json["compile_errors"][0].startswith("hv/hvm/svm.c:")
    assert "nonsense" in graded.json["compile_errors"][0]
    assert {entry["status"] for entry in graded.json["exercises"]} == {"failed"}
    assert graded.json["compile_errors"][0] in graded.out


def test_a_loop_ends_with_a_clear_word(workshop: Workshop) -> None:
    workshop.write(SVM, "\tfor (volatile int i = 0; start->mode == HV_MODE_LONG && i < 9; i--)\n"
                   "\t\ti = 5;")
    entry = workshop.grade("--ex", "1.4").exercise("1.4", "amd")
    assert entry["status"] == "failed"
    loops = [run for run in entry["runs"] if run["scenario"] == "first-long"]
    assert len(loops) == 2
    for run in loops:
        assert run["evidence"][0].startswith("timeout: ") and "it was at svm_" in run["evidence"][0]


def test_a_triple_fault_is_told(workshop: Workshop) -> None:
    workshop.write(SVM, "\tstatic const u8 none[10];\n\n"
                   "\tasm volatile(\"lidt %0; ud2\" : : \"m\"(none));")
    graded = workshop.grade("--ex", "1.4")
    entry = graded.exercise("1.4", "amd")
    assert entry["status"] == "failed"
    for run in entry["runs"]:
        assert run["evidence"][0].startswith("no end line: the machine went down"), run


def test_a_panic_is_told_with_its_place(workshop: Workshop) -> None:
    workshop.write(SVM, "\tpanic(\"no idea\");")
    graded = workshop.grade("--ex", "1.4", "--on", "tcg")
    evidence = graded.exercise("1.4", "amd")["runs"][0]["evidence"]
    assert evidence[0] == "panic: no idea"
    assert any(line.startswith("at: svm_") and "hv/hvm/svm.c:" in line for line in evidence)


# Prints what the reference would, ends the machine, and never enters a guest.
FORGED = """\
	u64 nonce = start->args[0], seed = start->args[1];
	u32 mixed = (u32)(nonce << 7 | nonce >> 25) ^ (u32)seed;

%s
	machine_end(0);"""

REAL = "real", "0x10", "0x0", 0, 0, "0xffff", "0x93", "0x9b", "0x0"
PROTECTED = "protected", "0x11", "0x0", 16, 8, "0xffffffff", "0xc093", "0xc09b", "0x0"
LONG = "long", "0x80000011", "0x20", 16, 8, "0xffffffff", "0xc093", "0xa09b", "0x500"


def forged_lines(mode: tuple[Any, ...]) -> str:
    """C that prints what the reference would for one mode."""
    _, cr0, cr4, ss, cs, limit, data, code, efer = mode
    rcx = f"{ss << 16 | cs:#x}"
    lines = ["stopped reason=exits status=0 exits=1 rip=0x8017",
             f"state rax={cr0} rcx={rcx} rdx=0x2 rbx={cr4}", "state rbp=0x%x",
             f"state efer={efer} cr0={cr0} cr4={cr4}",
             f"state cs={cs:#x} cs.base=0x0 cs.limit={limit} cs.attr={code}",
             "state gdtr.base=0x0 gdtr.limit=0xffff idtr.base=0x0 idtr.limit=0xffff",
             "state dr7=0x400 pat=0x7040600070406"]
    for name in ("es", "ss", "ds", "fs", "gs"):
        lines.append(f"state {name}={ss:#x} {name}.base=0x0 {name}.limit={limit} "
                     f"{name}.attr={data}")
    for name, attr in (("ldtr", "0x82"), ("tr", "0x8b")):
        lines.append(f"state {name}=0x0 {name}.base=0x0 {name}.limit=0xffff {name}.attr={attr}")
    calls = [f'\t\tprintf("vm first {line}\\n"{", mixed" if "%" in line else ""});'
             for line in lines]
    return "\n".join(calls)


@pytest.mark.parametrize("exercise", [SVM, VMX], ids=str)
def test_printing_the_right_answer_is_not_enough(workshop: Workshop, exercise: Exercise) -> None:
    modes = "\n".join(f"\tif (start->mode == HV_MODE_{mode[0].upper()}) {{\n{forged_lines(mode)}"
                      "\n\t}" for mode in (REAL, PROTECTED, LONG))
    workshop.write(exercise, FORGED % modes)
    graded = workshop.grade("--on", ON[exercise.track], "--ex", exercise.id)
    entry = graded.exercise(exercise.id, exercise.track)
    assert entry["status"] == "failed"
    forged = [run for run in entry["runs"] if run["scenario"] != "first-high"]
    for run in forged:
        assert len(run["evidence"]) == 1, run  # all else was forged well
        assert run["evidence"][0].startswith("exit 1: expected hlt"), run
        assert run["evidence"][0].endswith("seen nothing"), run


def test_the_trees_own_command(workshop: Workshop) -> None:
    done = subprocess.run([workshop.path / "scripts" / "grade", "--on", "tcg", "--ex", "1.4"],
                          cwd=workshop.path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "score 10 of 10" in done.stdout

"""The fuzz targets: each runs, with the same inputs every time, and each finds a mistake."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nestling import build, cli_fuzz, fuzz
from nestling.build import Site
from nestling.errors import UserError
from nestling.fuzz import Crash, Effort, Result, Runner, Target

ROOT = Path(__file__).parents[3]
BUILT = ROOT / os.environ.get("BUILD", "build")
TARGETS = {target.name: target for target in fuzz.load(ROOT)}
RUNS, RUNS_IN_PYTHON = 20000, 100  # test_splice.py has more


def run(target: Target, work: Path, root: Path = ROOT, built: Path = BUILT) -> Result:
    runs = RUNS_IN_PYTHON if target.in_python else RUNS
    runner = Runner(root, built, work, Effort(runs=runs, seed=1))
    result, = [one for one in runner.results([target], 1) if one]
    return result


@pytest.mark.parametrize("name", TARGETS)
def test_target(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    site = Site(ROOT, os.environ.get("BUILD", "build"))
    assert build.make(site, 1, fuzz.goals([target], site.build)) == build.Built()
    result = run(target, tmp_path)
    assert result.ok, result
    assert result.executions >= (RUNS_IN_PYTHON if target.in_python else RUNS)
    assert result.covered > result.lines * 0.7, "most inputs are in vain"


def test_every_pure_piece_has_a_target() -> None:
    covered = {path for target in TARGETS.values() for path in target.covers}
    pure = {path.relative_to(ROOT).as_posix() for folder in ("emul", "dev", "load")
            for path in (ROOT / "hv" / folder).glob("*.c")}
    assert pure <= covered


# ---- With a mistake in the piece -----------------------------------------------------------------

# The target, a line of the piece, what stands there instead, what the report says.
MISTAKES = [
    ("vmfile", "load/vmfile.c", "if (n == sizeof(p->word) - 1)", "if (0)",
     "buffer-overflow|out of bounds"),
    ("elf", "load/elf.c", "if (s.filesz > s.memsz)", "if (0)", "filesz <= memsz"),
    ("vpic", "dev/vpic.c", "u8 now = v & writable;", "u8 now = v;", "elcr & 0x07"),
    ("insn", "emul/insn.c", "if (o->size < 8)", "if (0)", "o->value < BIT"),
]


@pytest.fixture(name="copy", scope="module")
def copy_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is needed of the project to build targets, and what is built of it."""
    site = Site(ROOT, os.environ.get("BUILD", "build"))
    goals = fuzz.goals([TARGETS[mistake[0]] for mistake in MISTAKES], site.build)
    assert build.make(site, 1, goals) == build.Built()
    root = tmp_path_factory.mktemp("copy")
    for name in ("hv", "guest", "grader/fuzz", "grader/unit", "scripts"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("Makefile", "project.mk"):
        shutil.copy2(ROOT / name, root / name)
    shutil.copytree(BUILT / "fuzz/search", root / "build/fuzz/search")
    (root / "build/guest").symlink_to(BUILT / "guest")  # seeds
    return root


@pytest.mark.parametrize("name, path, old, new, report", MISTAKES,
                         ids=[mistake[0] for mistake in MISTAKES])
def test_mistake_is_found(copy: Path, tmp_path: Path, name: str, path: str, old: str, new: str,
                          report: str) -> None:
    file = copy / "hv" / path
    text = file.read_text()
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new))
    try:
        goal = f"build/fuzz/search/{name}"
        assert build.make(Site(copy, "build"), 2, [goal]) == build.Built()
    finally:
        file.write_text(text)
    result = run(TARGETS[name], tmp_path, copy, copy / "build")
    assert result.crash, result
    assert Path(result.crash.file).is_file() and not result.ok
    said = "\n".join(result.crash.report)
    assert any(words in said for words in report.split("|")), said


# ---- The command ---------------------------------------------------------------------------------

FAKE = """\
/*
 * fuzz: Does nothing.
 * covers: load/elf.c
 * dict: "a b" "\\x7f"
 */
"""


@pytest.fixture(name="fake")
def fake_fixture(tmp_path: Path) -> Runner:
    """A tree with a target, whose fuzzer a test writes as a shell script."""
    for name, text in (("grader/fuzz/fuzz_fake.c", FAKE), ("hv/load/elf.c", "")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    return Runner(tmp_path, tmp_path / "build", tmp_path / "work", Effort(seconds=1))


def put(runner: Runner, script: str) -> Target:
    target, = fuzz.load(runner.root)
    program = Path(runner.command(target)[0])
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return target


def only(runner: Runner, target: Target) -> Result:
    result, = [one for one in runner.results([target], 1) if one]
    return result


def test_options_and_figures(fake: Runner) -> None:
    target = put(fake, 'echo "$@"; echo "#77\tNEW"; echo stat::new_units_added: 3')
    result = only(fake, target)
    assert result.ok and (result.executions, result.new_inputs, result.lines) == (77, 3, 0)
    folder = fake.work / "fake"
    log = (folder / "log").read_text()
    assert "-max_total_time=1 -max_len=4096 -timeout=10 -rss_limit_mb=1024" in log
    assert f"{folder}/corpus {folder}/crashes\n" in log
    assert (folder / "dict").read_text().splitlines()[1:] == ['"a b"', '"\\x7f"']


def test_a_crash_is_told(fake: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    target = put(fake, 'echo "INFO: x"; echo "==1==ERROR: AddressSanitizer: oh\033[2J"; '
                       'echo "Test unit written to /x/crash-1"; exit 77')
    result = only(fake, target)
    assert result.crash == Crash(
        ("==1==ERROR: AddressSanitizer: oh?[2J", "Test unit written to /x/crash-1"), "/x/crash-1",
        f"{fake.root}/build/fuzz/search/fake /x/crash-1")
    screen = cli_fuzz.Screen([target], fake)
    screen.add(result)
    screen.console.print(screen.table())
    said = capsys.readouterr().out
    assert "fake: broken by an input" in said and f"again:     {result.crash.command}" in said
    assert said.splitlines()[-1].split() == ["fake", "0", "0", "0", "?", "1"]


@pytest.mark.parametrize("script, reason", [
    ("exit 3", "ended with status 3: it said nothing"),
    ("echo oh; kill -9 $$", "ended with status -9: oh"),
])
def test_a_fuzzer_that_fails(fake: Runner, script: str, reason: str) -> None:
    result = only(fake, put(fake, script))
    assert not result.ok and result.fault == reason


def test_a_fuzzer_that_does_not_end(fake: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "GRACE", -fuzz.INPUT_SECONDS)
    result = only(fake, put(fake, "exec sleep 1000"))
    assert result.fault.startswith("it did not end, and was killed")


def test_nothing_is_left_of_a_run_that_is_interrupted(fake: Runner) -> None:
    target = put(fake, "exec sleep 1000")
    results = fake.results([target], 1)
    assert next(results) is None
    process = fake.running[target].process
    results.close()
    assert process.returncode == -9


@pytest.mark.parametrize("head, problem", [
    ("covers: load/elf.c", "fuzz: is missing"),
    ("A fuzzer.", "the first comment must start with"),
    ("fuzz: x", "covers: is missing"),
    ("fuzz: x\n * covers: load/x.c", "covers: there is no hv/load/x.c"),
    ("fuzz: x\n * covers: load/elf.c\n * size: 1K", "size: must be a number of bytes"),
])
def test_heads_that_are_wrong(fake: Runner, head: str, problem: str) -> None:
    (fake.root / "grader/fuzz/fuzz_fake.c").write_text(f"/*\n * {head}\n */\n")
    with pytest.raises(UserError, match=f"^grader/fuzz/fuzz_fake.c: {problem}"):
        fuzz.load(fake.root)


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_fuzz.main(["--target", "vmfile,nothing"]) == 2
    assert capsys.readouterr().err.startswith("fuzz: there is no target nothing; there are ")
    with pytest.raises(SystemExit, match="2"):
        cli_fuzz.main(["--seconds", "0"])

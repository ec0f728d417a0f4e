"""Students' trees: the export, what it hides, and moving bodies in and out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from minitree import FILES, git, make_project, write  # noqa: F401 (a fixture)

from nestling import cli_lab, labs, splice, tree
from nestling.errors import UserError
from nestling.labs import Exercise
from nestling.release import TreeSource
from nestling.tree import State


def exercise_of(root: Path, ident: str, track: str = "amd") -> Exercise:
    return labs.find_exercise(labs.load(root, check_functions=False), ident, track)


def states(where: Path, reference: Path | None = None) -> list[State]:
    known = labs.all_exercises(labs.load(where, check_functions=False))
    source = TreeSource(reference) if reference else None
    return [status.state for status in tree.status(where, known, source)]


@pytest.fixture(name="starter")
def make_starter(project: Path, tmp_path: Path) -> Path:
    tree.export(project, tmp_path / "mine")
    return tmp_path / "mine"


def test_export(project: Path, starter: Path) -> None:
    files = {file.relative_to(starter).as_posix() for file in starter.rglob("*") if file.is_file()}
    hidden = {".ci/run", "labs/01-first/mutants/no-rip.c", "grader/tests/reference/test_all.py",
              "build/hv.elf"}
    assert {name for name in files if not name.startswith(".git/")} == FILES.keys() - hidden
    assert os.access(starter / "scripts/lab", os.X_OK)
    assert not os.access(starter / "README.md", os.X_OK)
    svm = (starter / "hv/svm.c").read_text()
    assert "secret" not in svm and "static int svm_helper(int a)\n{\n\treturn a + 1;" in svm
    assert ('/** Start. */\nint svm_start(struct vcpu *v, u64 rip)\n{\n\t/* Exercise 1.2: AMD. */\n'
            '\tlab_todo("1.2", "svm_start", "labs/01-first/README.md");\n}\n') in svm
    assert '\tLAB_TODO "1.10", "enter", "labs/01-first/README.md"\nEND(enter)\n' in (
        starter / "hv/enter.S").read_text()
    assert "return 0;\n}" in (starter / "hv/core.c").read_text()
    assert (project / "hv/svm.c").read_text() == FILES["hv/svm.c"].replace("    ", "\t")


def test_export_makes_a_repository(starter: Path) -> None:
    assert git(starter, "log", "--format=%s|%an|%D") == "Nestling: starter|Nestling|HEAD -> main\n"
    assert git(starter, "status", "--porcelain") == ""
    assert git(starter, "config", "--local", "--list").count("user.") == 0


def test_export_keeps_the_users_name_and_ignores_hooks(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    hooks = tmp_path / "hooks"
    write(hooks, {"pre-commit": "#!/bin/sh\nexit 1\n"})
    (hooks / "pre-commit").chmod(0o755)
    config.write_text(f"[user]\nname = Ada\nemail = a@b\n[core]\nhooksPath = {hooks}\n"
                      "[commit]\ngpgSign = true\n[init]\ndefaultBranch = other\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    tree.export(project, tmp_path / "mine")
    monkeypatch.delenv("GIT_DIR")
    assert git(tmp_path / "mine", "log", "--format=%an %ae") == "Ada a@b\n"


def test_export_takes_an_empty_folder_only(project: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    tree.export(project, empty)
    with pytest.raises(UserError, match="is there already, and is not an empty folder"):
        tree.export(project, empty)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is there already"):
        tree.export(project, tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(UserError, match="is there already"):
        tree.export(project, tmp_path / "link")
    with pytest.raises(UserError, match="can't be written"):
        tree.export(project, tmp_path / "file/below")


@pytest.mark.parametrize("where", ["mine", ".", "hv/../mine", "../link/mine"])
def test_export_stays_out_of_the_project(project: Path, where: str) -> None:
    (project / "../link").symlink_to(project)
    with pytest.raises(UserError, match="lies within|is there already"):
        tree.export(project, project / where)


def test_export_of_odd_projects(project: Path, tmp_path: Path) -> None:
    dest = tmp_path / "mine"
    (project / "link").symlink_to("README.md")
    with pytest.raises(UserError, match="link: is no plain file"):
        tree.export(project, dest)
    (project / "link").unlink()
    (project / "hv/extra.c").write_text("")
    git(project, "add", "hv/extra.c")
    (project / "hv/extra.c").unlink()
    tree.export(project, dest)
    git(project, "init", "-q", "..")
    (project / ".git").rename(tmp_path / "gone")
    with pytest.raises(UserError, match="is not the top of a git repository"):
        tree.export(project, tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "gone", "mine", "project"]


@pytest.mark.parametrize("name, change", [
    ("book/svm.md", lambda body: f"Look:\n```\n{body}\n```\n"),
    ("book/svm.txt", lambda body: "  ".join(body.split())),
    ("hv/copy.c", lambda body: "int copy()" + body.replace(";", "; /* hidden */")),
    ("hv/copy.h", lambda body: "int copy()" + body.replace("\n", "\n\n").replace("\t", "")),
])
@pytest.mark.parametrize("source, what", [
    ("hv/svm.c", "the solution of 1.2 (amd), svm_start"),
    ("labs/01-first/mutants/no-rip.c", "the mutant no-rip"),
])
def test_leaks_are_found(project: Path, tmp_path: Path, name: str, change: Callable[[str], str],
                         source: str, what: str) -> None:
    body = splice.body((project / source).read_text(), "svm_start", source)
    write(project, {name: change(body)})
    with pytest.raises(UserError) as info:
        tree.export(project, tmp_path / "mine")
    assert str(info.value) == f"{name}: contains {what}; no starter was made"
    assert not (tmp_path / "mine").exists() and not list(tmp_path.glob(".mine*"))


def test_status(project: Path, starter: Path) -> None:
    assert states(project, project) == [State.REFERENCE] * 4
    assert states(project) == [State.MINE] * 4
    assert states(starter, project) == [State.STUB] * 4
    text = (starter / "hv/svm.c").read_text()
    (starter / "hv/svm.c").write_text(text.replace("/* Exercise 1.2: AMD. */", "\n// mine\n"))
    assert states(starter)[0] == State.STUB
    (starter / "hv/svm.c").write_text(text.replace("lab_todo(", "lab_did("))
    (starter / "hv/core.c").write_text("int leave(void) { return 5; }\nint sum(void) { }}\n")
    assert states(starter) == [State.MINE, State.STUB, State.BROKEN, State.BROKEN]
    (starter / "hv/core.c").write_text("int leave(void) { return 5; }\nint sum(void) { }\n")
    assert states(starter) == [State.MINE, State.STUB, State.MINE, State.MINE]


def test_bodies_move_from_tree_to_tree(project: Path, starter: Path) -> None:
    for ident in ("1.2", "1.10"):
        exercise = exercise_of(project, ident)
        for func in exercise.funcs:
            tree.put_body(starter, exercise, tree.take_piece(project, func, starter))
            assert tree.get_body(starter, func) == tree.get_body(project, func)
    assert (starter / "hv/svm.c").read_text() == (project / "hv/svm.c").read_text()
    assert states(starter, project) == [State.REFERENCE, State.STUB, State.REFERENCE, State.STUB]
    tree.make_stub(starter)
    assert states(starter) == [State.STUB] * 4
    assert git(starter, "status", "--porcelain") == ""


def test_mutants_go_in(project: Path) -> None:
    mutant = labs.load(project)[0].mutants[0]
    piece = splice.take(mutant.text, mutant.func.name, mutant.path)
    tree.put_body(project, exercise_of(project, "1.2"), piece)
    assert "v->rip" not in (project / "hv/svm.c").read_text()
    with pytest.raises(UserError, match=r"exercise 2.1 \(common\) has no function svm_start"):
        tree.put_body(project, exercise_of(project, "2.1"), piece)


# --- the command ---


def lab(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli_lab.main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_lab_start(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_lab, "ROOT", project)
    status, out, err = lab(capsys, "start", str(tmp_path / "my tree"))
    assert (status, err) == (0, "")
    assert "3 exercises to do" in out and f"cd '{tmp_path}/my tree'" in out
    assert "less labs/01-first/README.md" in out and "make grade" in out
    status, out, err = lab(capsys, "start", str(tmp_path / "my tree"))
    assert (status, out) == (2, "") and err.startswith("error: ") and err.count("\n") == 1


def test_lab_status(project: Path, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = lab(capsys, "status", "--tree", str(starter), "--track", "amd")
    assert out.splitlines()[0] == "1.2   amd       10  stub      hv/svm.c:svm_start"
    assert len(out.splitlines()) == 3
    _, out, _ = lab(capsys, "status", "--tree", str(project))
    assert out.count(" reference ") == 4
    (starter / "hv/svm.c").write_text("")
    _, out, _ = lab(capsys, "status", "--tree", str(starter))
    assert "broken    hv/svm.c:svm_start  hv/svm.c:1: there is no definition of svm_start" in out
    status, _, err = lab(capsys, "status", "--tree", str(starter / "hv"))
    assert status == 2 and "is no tree of Nestling" in err


def test_lab_status_as_a_table(starter: Path, capsys: pytest.CaptureFixture[str],
                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    (starter / "hv/svm.c").write_text("")
    _, out, _ = lab(capsys, "status", "--tree", str(starter))
    assert "Exercise" in out and "stub" in out and "1.2 (amd): hv/svm.c:1:" in out


def test_lab_take_diff_reset(project: Path, starter: Path, capsys: pytest.CaptureFixture[str]
                             ) -> None:
    where = ["--tree", str(starter), "--track", "amd"]
    assert lab(capsys, "take", "1.2", "--from", str(project), *where)[0] == 0
    _, out, _ = lab(capsys, "diff", "1.2", *where)
    assert '-\tlab_todo("1.2"' in out and "+\tv->rip = rip;" in out
    assert lab(capsys, "diff", "1.2", "--from", str(project), *where)[1] == ""
    assert lab(capsys, "diff", *where)[1].count("+++ ") == 1
    status, _, err = lab(capsys, "reset", "1.2", *where)
    assert status == 2 and "has changes that are not committed" in err
    assert lab(capsys, "reset", "1.2", "--force", *where)[0] == 0
    assert lab(capsys, "diff", *where)[1] == ""
    assert lab(capsys, "reset", "1.2", "--tree", str(starter))[0] == 0  # the AMD one
    status, _, err = lab(capsys, "reset", "1.10", "--tree", str(project))
    assert status == 2 and "the project with the reference solution" in err


def test_lab_help(project: Path, capsys: pytest.CaptureFixture[str],
                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_lab, "ROOT", project)
    for words in (["--help"], ["start", "--help"]):
        with pytest.raises(SystemExit) as info:
            cli_lab.main(words)
        assert info.value.code == 0
    assert "new or empty folder" in capsys.readouterr().out

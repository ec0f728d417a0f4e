"""Newer given code comes into a student's tree, and what the student wrote stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from minitree import git, make_project, make_rich, write  # noqa: F401 (fixtures)

from nestling import cli_lab, clex, handout, labs, tree
from nestling.errors import UserError
from nestling.release import TreeSource
from nestling.tree import State
from nestling.update import Update, update

STUB = '\tlab_todo("1.2", "svm_start", "labs/01-first/README.md");\n'
MINE = "\treturn 42; /* mine */\n"
TOML = "labs/01-first/lab.toml"


@pytest.fixture(name="starter")
def make_starter(rich: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "config").write_text("[user]\nname = Ada\nemail = a@b\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    tree.export(rich, tmp_path / "mine")
    return tmp_path / "mine"


def edit(where: Path, path: str, old: str, new: str) -> None:
    text = (where / path).read_text()
    assert text.count(old) >= 1
    (where / path).write_text(text.replace(old, new))


def commit(where: Path) -> str:
    git(where, "add", "-A")
    git(where, "commit", "-q", "-m", "work")
    return git(where, "rev-parse", "HEAD")


def from_project(where: Path, project: Path) -> Update:
    return update(where, project, lambda text: None)


def states(where: Path, reference: Path) -> list[State]:
    known = labs.all_exercises(labs.load(where, check_functions=False))
    return [one.state for one in tree.status(where, known, TreeSource(reference))]


def test_given_code_comes_and_work_stays(rich: Path, starter: Path) -> None:
    edit(starter, "hv/svm.c", STUB, MINE)
    edit(starter, "README.md", "# Nestling", "# My Nestling")
    mine = commit(starter)
    edit(rich, "hv/svm.c", "return a + 1", "return a + 2")
    edit(rich, "hv/svm.c", "v->rsp = svm_helper(0);", "v->rsp = svm_helper(0) + 1;")
    edit(rich, "hv/given.c", "c + 1", "c + 2")
    write(rich, {"hv/new.c": "int new;\n"})
    (rich / "labs/02-second/README.md").write_text("Read.\n")
    done = from_project(starter, rich)
    assert done.changed == ["hv/given.c", "hv/new.c", "hv/svm.c", "labs/02-second/README.md"]
    assert (done.conflicts, done.new, done.gone, done.notes) == ([], [], [], [])
    text = (starter / "hv/svm.c").read_text()
    assert MINE in text and "return a + 2" in text and "lab_todo" not in text
    assert (starter / "hv/new.c").exists() and "c + 2" in (starter / "hv/given.c").read_text()
    assert (starter / "README.md").read_text() == "# My Nestling\n"
    assert git(starter, "status", "--porcelain") == ""
    assert git(starter, "rev-parse", "HEAD^1") == mine
    assert git(starter, "log", "-1", "--format=%s|%an") == "Newer given code|Ada\n"
    assert git(starter, "log", "-1", "--format=%s", "HEAD^2") == "Nestling: starter\n"
    tree.export(rich, starter.parent / "fresh")
    assert git(starter, "rev-parse", "HEAD^2^{tree}") == git(
        starter.parent / "fresh", "rev-parse", "HEAD^{tree}")
    objects = git(starter, "log", "--all", "-p", "--format=%H")
    assert "svm_helper(0)" not in objects
    assert from_project(starter, rich) == Update()


def test_an_update_upon_an_update(rich: Path, starter: Path) -> None:
    older = starter.parent / "older"
    shutil.copytree(starter, older)
    for number in range(3):
        edit(rich, "hv/given.c", f"c + {number + 1}", f"c + {number + 2}")
        from_project(starter, rich)
        edit(starter, "README.md", "Nestling", "My Nestling")
        commit(starter)
    assert "c + 4" in (starter / "hv/given.c").read_text()
    assert (starter / "README.md").read_text() == "# My My My Nestling\n"
    with pytest.raises(UserError, match="older: is older than what this tree has"):
        update(starter, older, lambda text: None)
    tree.export(rich, starter.parent / "newest")
    assert update(older, starter.parent / "newest", lambda text: None).changed == ["hv/given.c"]
    edit(rich, "hv/given.c", "c + 4", "c + 1")  # as it was at first, but newer
    with pytest.raises(UserError, match="is older than"):
        from_project(starter, rich)


def test_from_a_handout_and_from_a_students_tree(rich: Path, starter: Path, tmp_path: Path) -> None:
    hers, his = tmp_path / "hers", tmp_path / "his"
    shutil.copytree(starter, hers)
    shutil.copytree(starter, his)
    edit(starter, "hv/svm.c", STUB, MINE)
    commit(starter)
    edit(rich, "hv/given.c", "c + 1", "c + 2")
    commit(rich)
    handout.make(rich, tmp_path / "x.tar.gz")
    update(starter, tmp_path / "x.tar.gz", lambda text: None)
    assert MINE in (starter / "hv/svm.c").read_text()
    update(hers, starter, lambda text: None)
    assert "c + 2" in (hers / "hv/given.c").read_text()
    assert MINE not in git(hers, "log", "-p", "-m")
    update(his, hers, lambda text: None)
    assert git(his, "rev-parse", "HEAD^{tree}") == git(hers, "rev-parse", "HEAD^{tree}")


def test_a_changed_stub_is_for_those_who_have_it(rich: Path, starter: Path) -> None:
    other = starter.parent / "other"
    shutil.copytree(starter, other)
    edit(starter, "hv/svm.c", STUB, MINE)
    commit(starter)
    edit(rich, TOML, 'todo = "AMD."', 'todo = "AMD, and read 15.5."')
    for where in (starter, other):
        assert from_project(where, rich).conflicts == []
    assert "read 15.5" in (other / "hv/svm.c").read_text()
    assert "read 15.5" not in (starter / "hv/svm.c").read_text().partition("mine")[0].partition(
        "int svm_start")[2] and MINE in (starter / "hv/svm.c").read_text()
    assert states(other, rich)[0] == State.STUB


def test_all_kinds_stay(rich: Path, starter: Path) -> None:
    edit(starter, "hv/ring.c", "++r->used", "r->used++")
    edit(starter, "guest/watch.64.c", "\treturn 0;", "\treturn ask(1, 1, 1);")
    edit(starter, "labs/03-third/predict.txt", "# one line for each exit", "cpuid 0x8000")
    edit(starter, "hv/enter.S", "\tLAB_TODO", "\tnop\n\tLAB_TODO")
    commit(starter)
    before = {name: (starter / name).read_text() for name in (
        "hv/ring.c", "guest/watch.64.c", "labs/03-third/predict.txt", "hv/enter.S")}
    edit(rich, "labs/03-third/lab-intel.toml", "# one line for", "# exactly one line for")
    edit(rich, "labs/03-third/lab.toml", 'todo = "Watch."', 'todo = "Watch out."')
    edit(rich, "labs/03-third/repair/ring.c", "r->used--", "--r->used")
    edit(rich, TOML, 'todo = "Do both."', 'todo = "Do it."')
    edit(rich, "hv/ring.c", '#include "ring.h"', '#include "lib/ring.h"')
    assert from_project(starter, rich).conflicts == []
    after = (starter / "hv/ring.c").read_text()
    assert '"lib/ring.h"' in after and "r->used++" in after and "--r->used" in after
    for name in before.keys() - {"hv/ring.c"}:
        assert (starter / name).read_text() == before[name]


def test_helpers_stay_below_a_new_comment(rich: Path, starter: Path) -> None:
    edit(starter, "hv/svm.c", "/** Start. */", "static int mine(int a)\n{\n\treturn a;\n}\n\n"
         "/** Start. */")
    edit(starter, "hv/svm.c", STUB, "\treturn mine(1);\n")
    commit(starter)
    edit(rich, "hv/svm.c", "/** Start. */", "/** Start, at rip. */")
    edit(rich, "hv/svm.c", "return a + 1;\n}\n", "return a + 2;\n}\n\nint more;\n")
    done = from_project(starter, rich)
    assert done.conflicts == []
    assert done.notes == ["1.2 (amd): the comment above svm_start has changed; read it again"]
    text = (starter / "hv/svm.c").read_text()
    assert text.count("static int mine(int a)") == 1 and "mine(1)" in text
    assert "/** Start, at rip. */" in text and "int more;" in text


def test_a_new_head_is_told(rich: Path, starter: Path) -> None:
    edit(starter, "hv/svm.c", STUB, MINE)
    commit(starter)
    edit(rich, "hv/svm.c", "u64 rip)", "u64 start)")
    edit(rich, "hv/svm.c", "v->rip = rip", "v->rip = start")
    edit(rich, "labs/01-first/mutants/no-rip.c", "u64 rip)", "u64 start)")
    done = from_project(starter, rich)
    assert done.notes == ["1.2 (amd): the head of svm_start was `int svm_start(struct vcpu *v, "
                          "u64 rip)` and is now `int svm_start(struct vcpu *v, u64 start)`; adapt "
                          "your function"]
    assert f"u64 start)\n{{\n\t/* Exercise 1.2: AMD. */\n{MINE}}}" in (
        starter / "hv/svm.c").read_text()


def test_a_function_moves(rich: Path, starter: Path) -> None:
    edit(starter, "hv/core.c", "\treturn 0;", MINE.rstrip())
    commit(starter)
    sum_ = "int sum(int a, int b) { return a + b; }\n"
    edit(rich, "hv/core.c", sum_, "")
    write(rich, {"hv/sum.c": sum_})
    edit(rich, "labs/02-second/lab.toml", "hv/core.c:sum", "hv/sum.c:sum")
    done = from_project(starter, rich)
    assert done.conflicts == []
    assert done.notes == ["2.1 (common): sum has moved from hv/core.c to hv/sum.c"]
    assert "42" in (starter / "hv/sum.c").read_text()
    assert "sum" not in (starter / "hv/core.c").read_text()


def test_exercises_come_and_go(rich: Path, starter: Path) -> None:
    edit(starter, "hv/core.c", "\treturn 0;", MINE.rstrip())
    commit(starter)
    shutil.rmtree(rich / "labs/02-second")
    write(rich, {"labs/04-fourth/lab.toml": 'number = 4\ntitle = "x"\n[[exercise]]\nid = "4.1"\n'
                 'track = "common"\ntitle = "Hear"\nfunc = "hv/given.c:hear"\npoints = 1\n'
                 'todo = "x"\nstub = "return 0;"\n'})
    (rich / "labs/03-third/lab.toml").unlink()
    shutil.rmtree(rich / "labs/03-third")
    done = from_project(starter, rich)
    assert list(map(str, done.new)) == ["4.1 (common)"]
    assert list(map(str, done.gone)) == ["2.1 (common)", "3.1 (common)", "3.2 (amd)", "3.3 (intel)"]
    assert "42" in (starter / "hv/core.c").read_text()
    assert 'lab_todo("4.1"' in (starter / "hv/given.c").read_text()
    assert not (starter / "labs/03-third/predict.txt").exists()


def conflict(rich: Path, starter: Path) -> Update:
    edit(starter, "hv/given.c", "c + 1", "c * 2")
    edit(starter, "hv/svm.c", STUB, MINE)
    commit(starter)
    edit(rich, "hv/given.c", "c + 1", "c + 2")
    edit(rich, "hv/svm.c", "return a + 1", "return a + 2")
    return from_project(starter, rich)


def test_conflicts_are_left_to_the_student(rich: Path, starter: Path) -> None:
    done = conflict(rich, starter)
    assert done.conflicts == ["hv/given.c"]
    text = (starter / "hv/given.c").read_text()
    assert "<<<<<<<" in text and "c * 2" in text and "c + 2" in text
    assert git(starter, "status", "--porcelain").splitlines() == ["UU hv/given.c", "M  hv/svm.c"]
    assert "return a + 2" in (starter / "hv/svm.c").read_text()
    with pytest.raises(UserError, match="a merge is not finished"):
        from_project(starter, rich)
    write(starter, {"hv/given.c": "int hear(int c)\n{\n    return c * 3;\n}\n"})
    git(starter, "add", "-A")
    git(starter, "commit", "-q", "--no-edit")
    assert git(starter, "log", "-1", "--format=%s") == "Newer given code\n"
    assert len(git(starter, "log", "-1", "--format=%P").split()) == 2
    assert from_project(starter, rich) == Update()
    edit(rich, "hv/svm.c", "return a + 2", "return a + 3")
    assert from_project(starter, rich).conflicts == []
    assert "c * 3" in (starter / "hv/given.c").read_text()


def test_conflicts_can_be_taken_back(rich: Path, starter: Path) -> None:
    conflict(rich, starter)
    git(starter, "merge", "--abort")
    assert git(starter, "status", "--porcelain") == ""
    assert "c * 2" in (starter / "hv/given.c").read_text()
    assert MINE in (starter / "hv/svm.c").read_text()
    assert from_project(starter, rich).conflicts == ["hv/given.c"]


def test_a_file_that_both_deleted_or_changed(rich: Path, starter: Path) -> None:
    edit(starter, "hv/given.c", "c + 1", "c * 2")
    commit(starter)
    for name in ("hv/given.c", "labs/03-third/lab.toml", "labs/03-third/breaks/deaf.c"):
        (rich / name).unlink()
    shutil.rmtree(rich / "labs/03-third")
    assert from_project(starter, rich).conflicts == ["hv/given.c"]
    assert "c * 2" in (starter / "hv/given.c").read_text()


def test_git_need_not_know_the_user(rich: Path, starter: Path, monkeypatch: pytest.MonkeyPatch
                                    ) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    edit(rich, "hv/given.c", "c + 1", "c + 2")
    assert from_project(starter, rich).changed == ["hv/given.c"]
    assert git(starter, "log", "-1", "--format=%an %ae") == "Nestling nestling@localhost\n"


def spoil_uncommitted(where: Path) -> str:
    edit(where, "README.md", "#", "##")
    return "has changes that are not committed; commit them first: git commit -a"


def spoil_history(where: Path) -> str:
    shutil.rmtree(where / ".git")
    git(where, "init", "-q")
    commit(where)
    return 'has no commit "Nestling: starter"'


def spoil_top(where: Path) -> str:
    (where / ".git").rename(where.parent / ".git")
    return 'has no commit "Nestling: starter"'


def spoil_untracked(where: Path) -> str:
    write(where, {"hv/new.c": "int mine;\n"})
    return "hv/new.c"


@pytest.mark.parametrize("spoil", [spoil_uncommitted, spoil_history, spoil_top,
                                   spoil_untracked])
def test_nothing_is_lost(rich: Path, starter: Path, spoil: Callable[[Path], str]) -> None:
    write(rich, {"hv/new.c": "int new;\n"})
    message = spoil(starter)
    before = git(starter, "rev-parse", "HEAD"), git(starter, "status", "--porcelain")
    with pytest.raises(UserError) as info:
        from_project(starter, rich)
    assert message in str(info.value)
    assert (git(starter, "rev-parse", "HEAD"), git(starter, "status", "--porcelain")) == before


def test_broken_work_stays_too(rich: Path, starter: Path) -> None:
    edit(starter, "hv/svm.c", STUB, "\tif (x) {\n")
    commit(starter)
    with pytest.raises(clex.Refused):
        tree.get_body(starter, labs.Func("hv/svm.c", "svm_start"))
    edit(rich, "hv/given.c", "c + 1", "c + 2")
    edit(rich, "hv/svm.c", "return a + 1", "return a + 2")
    assert from_project(starter, rich).conflicts == []
    text = (starter / "hv/svm.c").read_text()
    assert "\tif (x) {\n" in text and "a + 2" in text


def test_lines_that_end_as_on_windows(rich: Path, starter: Path) -> None:
    edit(starter, "hv/svm.c", STUB, MINE)
    (starter / "hv/svm.c").write_bytes((starter / "hv/svm.c").read_bytes().replace(b"\n", b"\r\n"))
    commit(starter)
    edit(rich, "hv/svm.c", "return a + 1", "return a + 2")
    assert from_project(starter, rich).conflicts == []
    assert "a + 2" in (starter / "hv/svm.c").read_text()


def test_labs_that_the_tools_are_too_old_for(rich: Path, starter: Path, tmp_path: Path) -> None:
    tree.export(rich, tmp_path / "newer")
    edit(tmp_path / "newer", TOML, "number = 1", "number = 1\nmood = 3")
    git(tmp_path / "newer", "commit", "-q", "-a", "--amend", "-m", tree.MESSAGE)
    with pytest.raises(UserError, match="mood: unknown key(.|\n)*tools; use theirs: "):
        update(starter, tmp_path / "newer", lambda text: None)


def test_what_is_no_source(starter: Path, tmp_path: Path) -> None:
    for name in ("none", "hv"):
        with pytest.raises(UserError, match="is no tree of Nestling and no handout"):
            update(starter, tmp_path / name, lambda text: None)
    with pytest.raises(UserError, match="can't be unpacked"):
        update(starter, starter / "README.md", lambda text: None)


# --- the command ---


def lab(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli_lab.main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_lab_update(rich: Path, starter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["update", "--from", str(rich), "--tree", str(starter)]
    _, out, _ = lab(capsys, *words)
    assert out.endswith(f"nothing is new: this tree has what {rich} has\n")
    edit(rich, "labs/02-second/lab.toml", '"2.1"', '"2.2"')
    edit(rich, "hv/svm.c", "/** Start. */", "/** Go. */")
    status, out, err = lab(capsys, *words)
    assert (status, err) == (0, "")
    assert "given code: 3 files changed, exercises kept\n" in out
    assert "new: exercise 2.2 (common), Sum: labs/02-second/README.md\n" in out
    assert "gone: exercise 2.1 (common), Sum" in out and "the comment above svm_start" in out
    assert "committed; git show --stat" in out and "git reset --hard" in out
    status, _, err = lab(capsys, "update", "--from", str(starter), "--tree", str(rich))
    assert status == 2 and "the project with the reference solution" in err


def test_lab_update_with_conflicts(rich: Path, starter: Path, capsys: pytest.CaptureFixture[str]
                                   ) -> None:
    edit(starter, "hv/given.c", "c + 1", "c * 2")
    commit(starter)
    edit(rich, "hv/given.c", "c + 1", "c + 2")
    status, _, err = lab(capsys, "update", "--from", str(rich), "--tree", str(starter))
    assert status == 2
    assert "1 given file that you have changed too can't be merged: hv/given.c\n" in err
    assert "git add -A && git commit\n" in err and "git merge --abort\n" in err

"""The archive for a course: the same bytes each time, and a tree to work in."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from minitree import git, make_project, make_rich, write  # noqa: F401 (fixtures)

from nestling import cli_lab, handout, labs, tree
from nestling.errors import UserError


@pytest.fixture(name="committed")
def make_committed(rich: Path) -> Path:
    git(rich, "add", "-A")
    git(rich, "-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "-m", "project")
    return rich


def test_a_handout_is_a_starter(committed: Path, tmp_path: Path) -> None:
    file = tmp_path / "handout.tar.gz"
    handout.make(committed, file)
    subprocess.run(["tar", "xzf", file], cwd=tmp_path, check=True)
    starter = tmp_path / "nestling"
    assert git(starter, "status", "--porcelain") == ""
    assert git(starter, "log", "--format=%s|%an|%D") == "Nestling: starter|Nestling|HEAD -> main\n"
    states = tree.status(starter, labs.all_exercises(labs.load(starter)))
    assert {one.state for one in states} == {tree.State.STUB}
    assert (starter / "scripts/lab").stat().st_mode & 0o777 == 0o755
    assert (starter / "README.md").stat().st_mode & 0o777 == 0o644
    assert handout.unpack(file, tmp_path / "again") == tmp_path / "again/nestling"
    assert git(tmp_path / "again/nestling", "status", "--porcelain") == ""


def test_everybody_makes_the_same(committed: Path, tmp_path: Path,
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    handout.make(committed, tmp_path / "one.tar.gz")
    (tmp_path / "config").write_text("[user]\nname = Ada\nemail = a@b\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(committed), str(clone))
    handout.make(clone, tmp_path / "two.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    assert sorted(path.name for path in tmp_path.glob(".*tar*")) == []


def test_a_leak_makes_no_handout(committed: Path, tmp_path: Path) -> None:
    write(committed, {"hv/copy.c": (committed / "hv/ring.c").read_text()})
    with pytest.raises(UserError, match="hv/copy.c: contains the solution of 3.2"):
        handout.make(committed, tmp_path / "handout.tar.gz")
    assert not (tmp_path / "handout.tar.gz").exists()


def packed(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type = kind
        archive.addfile(info, io.BytesIO())
    return data.getvalue()


@pytest.mark.parametrize("data, message", [
    (b"", "can't be unpacked: "), (b"hello", "can't be unpacked: "),
    (packed("nestling/a")[:-20], "can't be unpacked: "),
    (packed("nestling/../../a"), "is no handout: it has nestling/../../a"),
    (packed("/a"), "is no handout: it has /a"), (packed("other/a"), "is no handout: it has other"),
    (packed("nestling/a", tarfile.SYMTYPE), "is no handout: it has nestling/a"),
], ids=["empty", "text", "cut off", "parent", "absolute", "other folder", "link"])
def test_what_is_no_handout(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x.tar.gz").write_bytes(data)
    with pytest.raises(UserError) as info:
        handout.unpack(tmp_path / "x.tar.gz", tmp_path / "out")
    assert message in str(info.value)


# --- the command ---


def lab(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli_lab.main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(name="out")
def use_project(committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(cli_lab, "ROOT", committed)
    return str(tmp_path / "course.tar.gz")


def test_lab_handout(out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text, err = lab(capsys, "handout", "--out", out, "--release", "--lab", "1,3")
    assert (status, err) == (0, "")
    assert text.startswith(f"{out}: the handout; a student unpacks it and begins in nestling/\n")
    assert "release.json: the solutions of lab 1, 3; give it out after the deadline, as" in text
    entries = json.loads((tmp_path / "release.json").read_text())["exercises"]
    assert [entry["id"] for entry in entries] == ["1.2", "1.2", "1.10", "3.1", "3.2", "3.3"]
    assert Path(out).is_file()


def test_lab_handout_with_wrong_wishes(out: str, tmp_path: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = lab(capsys, "handout", "--out", out, "--release", "--lab", "1,x")
    assert "there is no lab x; there are: 1, 2, 3" in err
    _, _, err = lab(capsys, "handout", "--out", out, "--lab", "1")
    assert "--lab (LAB=) is about the solutions; add --release (RELEASE=1)" in err
    _, _, err = lab(capsys, "handout", "--out", str(tmp_path / "none/x.tar.gz"))
    assert "none/x.tar.gz: can't be written: No such file or directory" in err
    assert not Path(out).exists()


def test_a_students_tree_offers_only_what_it_can(out: str, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    tree.export(cli_lab.ROOT, tmp_path / "mine")
    monkeypatch.setattr(cli_lab, "ROOT", tmp_path / "mine")
    for word in ("start", "handout"):
        with pytest.raises(SystemExit):
            cli_lab.main([word, out])
        assert "invalid choice" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli_lab.main(["--help"])
    text = capsys.readouterr().out
    assert "lab start" not in text and "handout -" not in text and "update --from" in text

"""Bring newer given code into a student's tree, and leave the student's work as it is.

Each starter is a commit in the student's history. An update puts the newer starter on top of the
last one, and merges it as git does, but for one thing: what the student wrote in an exercise's
place is put into both starters first, so that nothing there can be merged or conflict.
"""

from __future__ import annotations

import dataclasses
import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nestling import clex, git, handout, labs, splice, tree
from nestling.errors import UserError
from nestling.exercise import meaning
from nestling.labs import Exercise, Func
from nestling.splice import Piece

MESSAGE = "Newer given code"


@dataclass
class Update:
    """What an update did. With `conflicts`, files to be put right, nothing is committed yet."""

    commit: str = ""  # "" if the tree is up to date already
    changed: list[str] = field(default_factory=list)  # paths of given files
    conflicts: list[str] = field(default_factory=list)
    new: list[Exercise] = field(default_factory=list)
    gone: list[Exercise] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # about exercises that are not as they were


def update(where: Path, source: Path, say: Callable[[str], None]) -> Update:
    """Merge the starter of `source` into the student's tree `where`; `say` tells the progress.

    Args:
        source: a clone of the project, a starter, or a handout archive.

    Nothing is lost: what was there is committed, and git can go back to it.

    Raises UserError, and has changed nothing then.
    """
    base = _last_starter(where)
    _check_clean(where)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        say(f"reading the starter of {source}")
        starter = _starter(source, work)
        new = _last_starter(starter, "the newer tree")
        git.run(where, "fetch", "-q", "--no-tags", "--no-write-fetch-head", str(starter), new)
        if not _is_news(where, new, base, source):
            return Update()
        say("merging")
        merge = _Merge(where, _unpack(where, base, work / "base"),
                       _unpack(where, new, work / "new"))
        merge.carry_over()
        result = merge.result
        commit = git.run(where, "commit-tree", f"{new}^{{tree}}", "-p", base, "-m", tree.MESSAGE,
                         env=git.identity(where)).strip()
        texts = merge.base.texts, merge.mine.texts, merge.new.texts
        old, mine, newer = (
            _tree_with(where, at, changed, work / "index")
            for at, changed in zip((base, "HEAD", commit), texts))
        _finish(where, commit, (old, mine, newer), result)
        result.changed = git.run(where, "diff", "--name-only", base, commit).splitlines()
    return result


def _last_starter(where: Path, what: str = "this tree") -> str:
    """The newest commit of a starter in a tree's history."""
    found = "" if not git.is_top(where) else git.run(
        where, "log", "--topo-order", "-1", f"--grep=^{tree.MESSAGE}$", "--format=%H").strip()
    if not found:
        raise UserError(f"{where}: the history of {what} has no commit \"{tree.MESSAGE}\", so "
                        "there is nothing to compare with; make a new tree from the handout, and "
                        "take your exercises there: scripts/lab take 1.4 --from OLD")
    return found


def _check_clean(where: Path) -> None:
    unfinished = git.run(where, "rev-parse", "--git-path", "MERGE_HEAD").strip()
    if (where / unfinished).exists():
        raise UserError(f"{where}: a merge is not finished: put the files right, then git add and "
                        "git commit; or git merge --abort")
    if git.run(where, "status", "--porcelain", "--untracked-files=no"):
        raise UserError(f"{where}: has changes that are not committed; commit them first: "
                        "git commit -a")


def _starter(source: Path, work: Path) -> Path:
    """A starter's repository for whatever `source` is."""
    if source.is_file():
        return handout.unpack(source, work)
    if not (source / "labs").is_dir():
        raise UserError(f"{source}: is no tree of Nestling and no handout")
    if not labs.is_project(source):
        return source.resolve()
    tree.export(source, work / "exported")
    return work / "exported"


def _is_news(where: Path, new: str, base: str, source: Path) -> bool:
    """Is the starter `new` another one than `base`? Raises UserError if it is an older one."""
    wanted = git.run(where, "rev-parse", f"{new}^{{tree}}").strip()
    before = git.run(where, "log", f"--grep=^{tree.MESSAGE}$", "--format=%T", base).split()
    if wanted in before[1:] and wanted != before[0]:
        raise UserError(f"{source}: is older than what this tree has")
    return wanted != before[0]


def _unpack(where: Path, commit: str, dest: Path) -> Path:
    """The files of `commit` in the new folder `dest`."""
    dest.mkdir()
    packed = git.run(where, "archive", "--format=tar", commit)
    with tarfile.open(fileobj=io.BytesIO(packed.encode("utf-8", "surrogateescape"))) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream:
                (dest / member.name).parent.mkdir(parents=True, exist_ok=True)
                (dest / member.name).write_bytes(stream.read())
    return dest


class _Side:
    """One of the three versions that are merged: a folder, and files that are changed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.exercises: Sequence[Exercise] = ()

    def text(self, path: str) -> str:
        """Raises Refused."""
        return self.texts.get(path) or clex.read(self.folder / path, path)

    def body(self, func: Func) -> str:
        return splice.body(self.text(func.path), func.name, func.path)

    def with_piece(self, func: Func, piece: Piece) -> str:
        """The file of `func` with the piece in it; without helpers if they don't fit."""
        text = self.text(func.path)
        span = splice.find(text, func.name, func.path)
        head = splice.tokens(text[span.head:span.body], func.path)
        piece = dataclasses.replace(piece, name=func.name, head=head)
        try:
            return splice.put(text, func.name, piece, func.path)
        except clex.Refused:
            return splice.put(text, func.name, dataclasses.replace(piece, helpers=()), func.path)


class _Merge:
    """Makes the student's exercises the same in all three versions."""

    def __init__(self, mine: Path, base: Path, new: Path) -> None:
        self.base, self.mine, self.new = _Side(base), _Side(mine), _Side(new)
        self.base.exercises = labs.all_exercises(labs.load(base, check_functions=False))
        try:
            known = labs.load(new, check_functions=False)
        except UserError as error:
            raise UserError(f"{error}\nThe newer labs are not for this tree's tools; use theirs: "
                            f"scripts/lab update --tree {mine} of the newer tree") from None
        self.new.exercises = labs.all_exercises(known)
        self.result = Update()

    def carry_over(self) -> None:
        """Put what the student wrote into both starters; and see what is new."""
        old = {(one.id, one.track): one for one in self.base.exercises}
        now = {(one.id, one.track): one for one in self.new.exercises}
        self.result.new = [one for key, one in now.items() if key not in old]
        self.result.gone = [one for key, one in old.items() if key not in now]
        for exercise in self.base.exercises:
            newer = now.get((exercise.id, exercise.track))
            if exercise.answer:
                self._carry_answer(exercise, newer)
            for func in exercise.funcs:
                try:
                    self._carry_function(exercise, func, self._newer(func, newer))
                except clex.Refused:
                    pass  # there is no such function any more, here or there: git merges the text

    def _newer(self, func: Func, exercise: Exercise | None) -> Func:
        """Where `func` is in the newer starter: maybe in another file."""
        known = [one for other in self.new.exercises for one in other.funcs]
        moved = [one for one in exercise.funcs if one.name == func.name] if exercise else []
        return func if func in known or not moved else moved[0]

    def _carry_answer(self, exercise: Exercise, newer: Exercise | None) -> None:
        try:
            mine = self.mine.text(exercise.answer)
        except clex.Refused:
            return
        if newer and newer.answer and (
                meaning(mine, exercise.answer) != meaning(exercise.stubs[0], exercise.answer)):
            self.base.texts[exercise.answer] = self.mine.texts[exercise.answer] = mine
            self.new.texts[newer.answer] = mine

    def _carry_function(self, exercise: Exercise, func: Func, newer: Func) -> None:
        """Raises Refused if one of the versions does not have the function."""
        self.result.notes += self._changes(exercise, func, newer)
        stub, mine = self.base.body(func), self.mine.body(func)
        if splice.tokens(mine, func.path) == splice.tokens(stub, func.path):
            return
        piece = self._mine(func, mine)
        base = self.base.with_piece(func, piece)
        new = self.new.with_piece(newer, piece)
        self.mine.texts[func.path] = self.mine.text(func.path)
        self.base.texts[func.path], self.new.texts[newer.path] = base, new

    def _mine(self, func: Func, body: str) -> Piece:
        """The student's function, with its helpers if the grader would take them too."""
        try:
            return splice.take(self.mine.text(func.path), func.name, func.path,
                               self.base.text(func.path))
        except clex.Refused:
            return Piece(func.name, func.path, 1, (), body)

    def _changes(self, exercise: Exercise, func: Func, newer: Func) -> Iterator[str]:
        """What is new about a function, besides its stub."""
        old, new = self.base.text(func.path), self.new.text(newer.path)
        was = splice.find(old, func.name, func.path)
        now = splice.find(new, newer.name, newer.path)
        heads = [" ".join(text[span.head:span.body].split())
                 for text, span in ((old, was), (new, now))]
        if newer.path != func.path:
            yield f"{exercise}: {func.name} has moved from {func.path} to {newer.path}"
        if heads[0] != heads[1]:
            yield (f"{exercise}: the head of {func.name} was `{heads[0]}` and is now "
                   f"`{heads[1]}`; adapt your function")
        if old[was.start:was.head].split() != new[now.start:now.head].split():
            yield f"{exercise}: the comment above {func.name} has changed; read it again"


def _tree_with(where: Path, commit: str, texts: dict[str, str], index: Path) -> str:
    """Store the files of `commit`, with other texts for some, in git; its name for them."""
    index.unlink(missing_ok=True)
    env = {"GIT_INDEX_FILE": str(index)}
    git.run(where, "read-tree", commit, env=env)
    lines = []
    for path, text in texts.items():
        blob = git.run(where, "hash-object", "-w", "--stdin", data=text).strip()
        mode = git.run(where, "ls-files", "-s", "--", path, env=env)[:6] or "100644"
        lines.append(f"{mode} {blob}\t{path}\n")
    git.run(where, "update-index", "--index-info", data="".join(lines), env=env)
    return git.run(where, "write-tree", env=env).strip()


def _finish(where: Path, commit: str, trees: tuple[str, str, str], result: Update) -> None:
    """Merge the three trees (base, mine, newer), and make the student's tree the outcome."""
    env = git.identity(where)
    base, mine, newer = trees
    base = git.run(where, "commit-tree", base, "-m", "base", env=env).strip()
    sides = [git.run(where, "commit-tree", side, "-p", base, "-m", "side", env=env).strip()
             for side in (mine, newer)]
    merged, *conflicts = git.run(where, "merge-tree", "--write-tree", "-z", "--no-messages",
                                 *sides, accept=(0, 1)).split("\0")
    stages = [entry for entry in conflicts if entry]
    head = git.run(where, "rev-parse", "HEAD").strip()
    if not stages:
        result.commit = git.run(where, "commit-tree", merged, "-p", head, "-p", commit, "-m",
                                MESSAGE, env=env).strip()
        git.run(where, "merge", "-q", "--ff-only", result.commit)
        return
    result.commit = commit
    result.conflicts = list(dict.fromkeys(entry.partition("\t")[2] for entry in stages))
    git.run(where, "read-tree", "-m", "-u", "HEAD", merged)
    gone = "".join(f"0 {'0' * len(head)}\t{path}\n" for path in result.conflicts)
    git.run(where, "update-index", "--index-info", data=gone + "".join(f"{entry}\n"
                                                                       for entry in stages))
    for name, text in (("MERGE_MSG", MESSAGE), ("MERGE_HEAD", commit)):
        file = where / git.run(where, "rev-parse", "--git-path", name).strip()
        file.write_text(f"{text}\n", encoding="utf-8")

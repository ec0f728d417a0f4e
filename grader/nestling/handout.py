"""The archive that a course gives out: a starter with its repository, as nestling-handout.tar.gz.

It is made from the project alone, so that everybody who makes it gets the same bytes.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from nestling import git, tree
from nestling.errors import UserError
from nestling.labs import Lab
from nestling.release import write_whole

TOP = "nestling"  # the folder in the archive
NAME = "nestling-handout.tar.gz"


def make(root: Path, file: Path) -> tuple[Lab, ...]:
    """Write the handout of the project `root` to `file`. Returns the labs. Raises UserError."""
    when = git.run(root, "log", "-1", "--format=%ct").strip()
    with tempfile.TemporaryDirectory() as folder:
        starter = Path(folder) / TOP
        known = tree.export(root, starter, f"{when} +0000")
        git.run(starter, "read-tree", "HEAD")  # a new index, without the times of files
        write_whole(file, _pack(starter, int(when)))
    return known


def _pack(folder: Path, when: int) -> bytes:
    """The plain files of `folder`, as a .tar.gz that has nothing of this computer in it."""
    plain, packed = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                info = tarfile.TarInfo(f"{folder.name}/{file.relative_to(folder).as_posix()}")
                info.size = file.stat().st_size
                info.mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
                info.mtime = when
                with file.open("rb") as stream:
                    archive.addfile(info, stream)
    with gzip.GzipFile("", "wb", fileobj=packed, mtime=when) as gzipped:
        gzipped.write(plain.getvalue())
    return packed.getvalue()


def unpack(file: Path, dest: Path) -> Path:
    """The starter of a handout, in the folder `dest`. Raises UserError if `file` is none."""
    try:
        with tarfile.open(file, "r:gz") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                stream = archive.extractfile(member) if member.isreg() else None
                if not stream or path.parts[0] != TOP or ".." in path.parts:
                    raise UserError(f"{file}: is no handout: it has {member.name}")
                (dest / path).parent.mkdir(parents=True, exist_ok=True)
                (dest / path).write_bytes(stream.read())
                (dest / path).chmod(member.mode & 0o755)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{file}: can't be unpacked: {error}") from None
    return dest / TOP

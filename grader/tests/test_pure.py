"""The pure C folders on the host: grader/unit/*.c, under AddressSanitizer and UBSan."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "grader/unit"
PURE = [str(path) for folder in ("emul", "dev", "load")
        for path in sorted((ROOT / "hv" / folder).glob("*.c"))] + [str(ROOT / "hv/hvm/remedy.c")]
LIB = [str(ROOT / "hv/lib" / name) for name in ("printf.c", "psf.c", "string.c")]
FLAGS = ["-std=gnu11", "-g", "-O1", "-fno-builtin", "-Wall", "-Wextra", "-Wno-unused-parameter",
         "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
         "-include", str(UNIT / "host.h"), f"-I{ROOT / 'hv'}", f"-I{UNIT}"]


def compile_c(*words: str, cwd: Path) -> None:
    """Run gcc, with the sanitizers."""
    done = subprocess.run(["gcc", *FLAGS, *words], cwd=cwd, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session", name="objects")
def objects_fixture(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The pure code, compiled once for all tests."""
    folder = tmp_path_factory.mktemp("pure")
    compile_c("-c", *PURE, *LIB, cwd=folder)
    return sorted(str(path) for path in folder.glob("*.o"))


@pytest.mark.parametrize("test", sorted(UNIT.glob("test_*.c")), ids=lambda path: path.stem)
def test_unit(test: Path, objects: list[str], tmp_path: Path) -> None:
    program = tmp_path / test.stem
    compile_c(str(test), *objects, "-o", str(program), cwd=tmp_path)
    ran = subprocess.run([str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr

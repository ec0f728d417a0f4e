"""scripts/setup, with a PATH on which only chosen programs are, and a make-believe apt-get."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "scripts" / "setup"
TOOLS = ["sh", "cat", "chmod", "cut", "env", "flock", "grep", "ls", "sed", "sleep", "sort", "touch",
         "tr"]
NEEDED = ["gcc", "make", "objdump", "qemu-system-x86_64", "bochs", "git", "clang", "clang-tidy",
          "cppcheck", "grub-mkrescue", "xorriso", "mformat", "llvm-cov"]
APT = """\
#!/bin/sh
echo "$*" >>"$LOG"
[ "$2" = install ] || exit 0
sleep 0.2
[ -z "$APT_FAILS" ] || exit 100
[ -n "$APT_IS_USELESS" ] || { touch "$BIN/bochs" && chmod +x "$BIN/bochs"; }
"""
INSTALL = "-qq install -y --no-install-recommends bochs -o Dpkg::Use-Pty=0"


class Computer:
    """A PATH, and who sits there."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.log = directory / "log"
        self.bin.mkdir()
        self.log.touch()
        for name in TOOLS:
            found = shutil.which(name)
            assert found
            (self.bin / name).symlink_to(found)
        gcc = shutil.which("gcc")
        assert gcc
        for name in NEEDED:
            self.add(name, "#!/bin/sh\n")
        self.add("gcc", f'#!/bin/sh\nexec {gcc} "$@"\n')
        self.add("id", "#!/bin/sh\necho 0\n")
        self.add("apt-get", APT)

    def add(self, name: str, script: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink()

    def start(self, *groups: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.bin / "sh", SETUP, *groups], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={"PATH": str(self.bin), "LOG": str(self.log), "BIN": str(self.bin),
                 "PYTHON": "/usr/bin/python3", **env})

    def setup(self, *groups: str, **env: str) -> tuple[int, str]:
        """Its exit status, and what it says."""
        process = self.start(*groups, **env)
        out, err = process.communicate(timeout=60)
        assert out == ""
        return process.returncode, err

    @property
    def calls(self) -> list[str]:
        """What was asked of apt-get, and of sudo."""
        return self.log.read_text().splitlines()


@pytest.fixture(name="computer")
def computer_fixture(tmp_path: Path) -> Computer:
    if sys.executable != "/usr/bin/python3":
        pytest.skip("needs the Python that the system's packages are for")
    return Computer(tmp_path)


def test_nothing_is_missing(computer: Computer) -> None:
    assert computer.setup() == (0, "")
    assert computer.calls == []


def test_a_missing_package_is_named_and_installed(computer: Computer) -> None:
    computer.remove("bochs")
    assert computer.setup("grade") == (0, "setup: these packages are missing: bochs\n"
                                          "setup: installing them with apt-get\nsetup: done\n")
    assert computer.calls == ["-qq update -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600",
                              f"{INSTALL} -o DPkg::Lock::Timeout=600"]
    assert computer.setup("grade") == (0, "")
    assert len(computer.calls) == 2


def test_a_group_wants_only_its_own(computer: Computer) -> None:
    computer.remove("bochs", "git")
    assert computer.setup("check") == (0, "")


def test_a_clang_that_can_not_link_a_fuzzer(computer: Computer) -> None:
    computer.add("clang", "#!/bin/sh\nexit 1\n")
    status, said = computer.setup("fuzz")
    assert status == 1
    assert said.startswith("setup: these packages are missing: libclang-rt-dev\n")
    assert computer.setup("test", "check") == (0, "")


def test_two_at_once(computer: Computer) -> None:
    computer.remove("bochs")
    first = computer.start()
    time.sleep(0.05)
    second = computer.start("grade")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert len([call for call in computer.calls if "install" in call]) == 1


def test_sudo(computer: Computer) -> None:
    computer.remove("bochs")
    computer.add("id", "#!/bin/sh\necho 1000\n")
    computer.add("sudo", '#!/bin/sh\necho "sudo $1" >>"$LOG"; shift; exec "$@"\n')
    assert computer.setup("grade")[0] == 0
    assert computer.calls[0] == computer.calls[2] == "sudo -n"
    assert len(computer.calls) == 4


COMMAND = "    sudo apt-get update && sudo apt-get install bochs\n"


@pytest.mark.parametrize("sudo, reason", [
    ("", "only root can do that, and there is no sudo"),
    ("#!/bin/sh\nexit 1\n", "apt-get update failed"),
])
def test_not_allowed(computer: Computer, sudo: str, reason: str) -> None:
    computer.remove("bochs")
    computer.add("id", "#!/bin/sh\necho 1000\n")
    if sudo:
        computer.add("sudo", sudo)
    status, said = computer.setup("grade")
    assert status == 1
    assert f"setup: {reason}\n" in said and said.endswith(COMMAND)
    assert computer.calls == []


@pytest.mark.parametrize("trouble, reason", [
    ("APT_FAILS", "apt-get install failed"),
    ("APT_IS_USELESS", "still missing after the installation: bochs"),
])
def test_the_installation_fails(computer: Computer, trouble: str, reason: str) -> None:
    computer.remove("bochs")
    status, said = computer.setup("grade", **{trouble: "1"})
    assert status == 1
    assert f"setup: {reason}\n" in said and said.endswith(COMMAND)


def test_another_distribution(computer: Computer) -> None:
    computer.remove("bochs", "clang-tidy", "apt-get")
    status, said = computer.setup()
    assert status == 1
    assert said.splitlines()[-2:] == ["    bochs                  program bochs",
                                      "    clang-tidy             program clang-tidy"]


def test_another_python(computer: Computer, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$2" in *rich*) exit 1;; esac\n')
    python.chmod(0o755)
    status, said = computer.setup("grade", PYTHON=str(python))
    assert status == 1
    assert f"{python} lacks some modules" in said
    assert said.splitlines()[-1].split() == ["python3-rich", "module", "rich"]
    assert computer.calls == []


def test_an_old_python(computer: Computer, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$2" in *version*) exit 1;; esac\n')
    python.chmod(0o755)
    status, said = computer.setup("grade", PYTHON=str(python))
    assert status == 1
    assert said.startswith(f"setup: {python} is older than Python 3.11, which is needed.")


def test_wrong_usage(computer: Computer) -> None:
    process = computer.start("everything")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "scripts/setup [grade] [test] [check] [iso] [fuzz]" in out

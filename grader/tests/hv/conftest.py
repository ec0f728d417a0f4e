"""Run the hypervisor of this tree on each platform that this computer has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nestling.boot import Options, VmFile, boot
from nestling.emulator import Limits, Live, Reason, Result
from nestling.platforms import PLATFORMS

ROOT = Path(__file__).parents[3]
BUILD = ROOT / os.environ.get("BUILD", "build")

# (platform, CPU model); both Intel models, because their capability MSRs differ.
MACHINES = [("tcg", ""), ("bochs-svm", ""), ("bochs-vmx", "corei7_skylake_x"),
            ("bochs-vmx", "corei7_haswell_4770")]


class Machine:
    """A platform with this tree's hypervisor on it."""

    def __init__(self, key: str, model: str = "") -> None:
        self.platform = PLATFORMS[key]
        self.isa = self.platform.isa
        self.model = model

    def boot(self, text: str, words: str = "", search: Sequence[Path] = (),
             live: Live = Live(), **options: Any) -> Result:
        """Run a VM file's text to whatever end; `search` has files beside the tiny guests."""
        return boot(self.platform, VmFile("test.vm", text), BUILD, search,
                    Options(words=words, model=self.model, **options), Limits(seconds=300), live)

    def run(self, text: str, words: str = "", search: Sequence[Path] = (),
            **options: Any) -> Result:
        """The same, to an orderly end."""
        result = self.boot(text, words, search, **options)
        assert result.reason is Reason.ENDED, f"{result.detail}\n{result.console}"
        return result


@pytest.fixture(params=MACHINES, ids=lambda machine: "-".join(filter(None, machine)))
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each machine in turn; one that is not to be had here is skipped with the reason."""
    key, model = request.param
    probe = PLATFORMS[key].probe()
    if not probe.ok:
        pytest.skip(probe.reason)
    return Machine(key, model)


def vm(name: str, kernel: str, **settings: object) -> str:
    """The text of one VM in a VM file."""
    lines = "".join(f"\t{key} {value}\n" for key, value in settings.items())
    return f'vm "{name}" {{\n\tkernel "{kernel}.elf"\n{lines}}}\n'


def observations(text: str) -> dict[str, str]:
    """The key=value lines of a console channel."""
    return dict(line.strip().split("=", 1) for line in text.splitlines() if "=" in line)

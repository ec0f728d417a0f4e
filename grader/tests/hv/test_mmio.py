"""Devices in memory: each instruction that guests may use there does what it does on memory."""

from __future__ import annotations

from hv.conftest import ROOT, Machine, observations, vm
from hv.mmio_model import sums

TABLE = ROOT / "guest/lib/mmio.def"
SEED = 0x5EED
PROBE = "{ serial exit probe }"


def numbers(text: str) -> dict[str, int]:
    """What a guest observed."""
    return {key: int(value, 16) for key, value in observations(text).items()}


def test_instructions(machine: Machine) -> None:
    """Bochs takes a millisecond for an exit: there, each instruction is tried in one place only."""
    thin = machine.platform.key != "tcg"
    settings = {"memory": "2M", "devices": PROBE, "args": f"{SEED} {int(thin)}"}
    text = (vm("bits64", "mmio.64", **settings)
            + vm("bits32", "mmio.32", mode="protected", **settings))
    result = machine.run(text)
    for bits, channel in ((64, "A"), (32, "B")):
        seen = numbers(result.channels[channel])
        want = sums(TABLE, bits, SEED, thin)
        assert seen.pop("trials") == len(want) > 150
        assert not [key for key in seen if ".differs" in key], "not the same as on memory"
        assert seen == want
    assert result.status == 0

"""What becomes of a guest's accesses to the probe: a model of hv/dev/vprobe.c behind hv/dev/bus.c.

A guest does something to the probe and prints what it read, and the sum; who knows what it did can
do the same to a Probe. The sum notes each access with its place, size, direction and value, so it
is the same only if the hypervisor made the same accesses, in the same order, each once.

    probe = Probe()
    probe.seed(0x5eed)
    probe.store(STREAM + 8, 4, probe.load(STREAM + 8, 4) | 1)      # OR DWORD [STREAM + 8], 1
    assert observed == probe.sum
"""

from __future__ import annotations

MEMORY = 0xFEDF0000
MEMORY_SIZE = 0x1000
STREAM = 0xFEDF1000
STREAM_SIZE = 0xFF4
PORT = 0x2A0

PAGE = 0x1000
A_PORT = 1 << 16
M64 = 2**64
FNV = 0x100000001B3


def cut(value: int, size: int) -> int:
    """The low `size` bytes of a number, which may be negative."""
    return value % (1 << 8 * size)


class Probe:
    """A probe as it is when its VM starts."""

    def __init__(self) -> None:
        self.memory = bytearray(MEMORY_SIZE)
        self.next = self.sum = 0

    def seed(self, value: int) -> None:
        """OUT of 4 bytes to the port of the seed."""
        self.next = self.sum = cut(value, 4)

    # ---- What an instruction does

    def load(self, gpa: int, size: int) -> int:
        """Read an operand of 1 to 8 bytes: one that crosses a page is read in two parts."""
        first = min(size, PAGE - gpa % PAGE)
        value = self._access(gpa, first, None)
        if first < size:
            value |= self._access(gpa + first, size - first, None) << 8 * first
        return value

    def store(self, gpa: int, size: int, value: int) -> None:
        """Write an operand, likewise."""
        first = min(size, PAGE - gpa % PAGE)
        self._access(gpa, first, cut(value, first))
        if first < size:
            self._access(gpa + first, size - first, cut(value, size) >> 8 * first)

    def port_in(self, port: int, size: int) -> int:
        """IN from one of the stream's ports, 0 to 3 behind PORT."""
        return self._stream(A_PORT | port - PORT, size, None)

    def port_out(self, port: int, size: int, value: int) -> None:
        """OUT to one of them."""
        self._stream(A_PORT | port - PORT, size, cut(value, size))

    # ---- What the bus makes of it, and the device

    def _access(self, gpa: int, size: int, value: int | None) -> int:
        """One access in one page; `value` is what is written."""
        for start, length, device in ((MEMORY, MEMORY_SIZE, self._memory),
                                      (STREAM, STREAM_SIZE, self._stream)):
            if gpa >= start and gpa + size <= start + length and size in (1, 2, 4, 8):
                return device(gpa - start, size, value)
        if size == 1:
            return 0xFF
        parts = [self._access(gpa + i, 1, None if value is None else value >> 8 * i & 0xFF)
                 for i in range(size)]
        return int.from_bytes(bytes(parts), "little")

    def _memory(self, offset: int, size: int, value: int | None) -> int:
        if value is not None:
            self.memory[offset:offset + size] = value.to_bytes(size, "little")
        return int.from_bytes(self.memory[offset:offset + size], "little")

    def _stream(self, place: int, size: int, value: int | None) -> int:
        self._note(place << 8 | size << 1 | (value is not None))
        if value is None:
            value = int.from_bytes(bytes(self._next_byte() for _ in range(size)), "little")
        self._note(value)
        return value

    def _note(self, word: int) -> None:
        self.sum = (self.sum ^ word) * FNV % M64

    def _next_byte(self) -> int:
        self.next = (self.next * 6364136223846793005 + 1442695040888963407) % M64
        return self.next >> 56

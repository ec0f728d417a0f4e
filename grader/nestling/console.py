"""Take the shared serial line apart again.

The hypervisor and its VMs share one serial line. The byte 0x1e, ASCII "record separator", and a
channel letter switch to another speaker: '@' is the hypervisor, 'A' VM 1, 'B' VM 2 ...
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

SEPARATOR = 0x1E
HYPERVISOR = "@"
END_LINE = re.compile(r"end status=(\d+)\s*")
MAX_STATUS = 126

Listener = Callable[[str, str], None]
"""Called with (channel, new text) as soon as text is there."""


class Channel:
    """The text of one speaker: UTF-8 (broken bytes replaced), with "\\r\\n" turned into "\\n"."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._return = False  # a "\r" that came last: is a "\n" going to follow?
        self.parts: list[str] = []

    def feed(self, data: bytes, final: bool = False) -> str:
        """Take bytes, give the text that is complete by now."""
        text = ("\r" if self._return else "") + self._decoder.decode(data, final)
        self._return = text.endswith("\r") and not final
        if self._return:
            text = text[:-1]
        text = text.replace("\r\n", "\n")
        if text:
            self.parts.append(text)
        return text


class Console:
    """Feed it what comes from the serial line; read `channels` and `status`."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._channels: dict[str, Channel] = {}
        self._current = HYPERVISOR
        self._switching = False  # the byte before was a separator
        self._line = ""  # the hypervisor's line so far
        self.size = 0  # bytes
        self.status: int | None = None  # of the end line, None before it

    @property
    def channels(self) -> dict[str, str]:
        """Text so far by channel letter; only channels on which something was said."""
        return {name: "".join(channel.parts)
                for name, channel in self._channels.items() if channel.parts}

    def feed(self, data: bytes) -> None:
        """Take bytes from the line, cut anywhere."""
        self.size += len(data)
        position = 0
        while position < len(data):
            if self._switching:
                self._current = chr(data[position])
                self._switching = False
                position += 1
                continue
            stop = data.find(SEPARATOR, position)
            if stop < 0:
                stop = len(data)
            self._say(self._current, data[position:stop])
            self._switching = stop < len(data)
            position = stop + 1

    def close(self) -> None:
        """The line is dead: give out what waits for its second half."""
        for name in list(self._channels):
            self._say(name, b"", final=True)

    def _say(self, name: str, data: bytes, final: bool = False) -> None:
        text = self._channels.setdefault(name, Channel()).feed(data, final)
        if name == HYPERVISOR:
            self._watch(text)
        if text and self._listener:
            self._listener(name, text)

    def _watch(self, text: str) -> None:
        """Find the end line. It counts only when it is complete, with its newline."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            match = END_LINE.fullmatch(line)
            if match and int(match[1]) <= MAX_STATUS:
                self.status = int(match[1])

"""console.py: channels, line ends, the end line."""

from __future__ import annotations

import pytest

from nestling.console import Console

STREAM = (b"hello\r\n\x1eAguest one\x1e@vm first created\r\n\x1eB\xc3\xa9\x1eA more\r\n"
          b"\x1e@end status=3\r\n")
CHANNELS = {"@": "hello\nvm first created\nend status=3\n", "A": "guest one more\n", "B": "é"}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_channels_however_the_stream_is_cut(size: int) -> None:
    heard: dict[str, str] = {}

    def listen(channel: str, text: str) -> None:
        heard[channel] = heard.get(channel, "") + text

    console = Console(listen)
    for start in range(0, len(STREAM), size):
        console.feed(STREAM[start:start + size])
    console.close()
    assert console.channels == CHANNELS
    assert heard == CHANNELS
    assert console.status == 3
    assert console.size == len(STREAM)


def test_text_is_heard_at_once() -> None:
    heard: list[tuple[str, str]] = []
    console = Console(lambda channel, text: heard.append((channel, text)))
    console.feed(b"\x1eAlogin: ")
    assert heard == [("A", "login: ")]


def test_end_line_counts_when_it_is_complete() -> None:
    console = Console()
    console.feed(b"end status=0")
    assert console.status is None
    console.feed(b"\n")
    assert console.status == 0


@pytest.mark.parametrize("data", [
    b"\x1eAend status=0\n",  # a guest says so
    b"the end status=0\n",
    b"end status=0 or so\n",
    b"end status=127\n",
    b"end status=-1\n",
    b"end status=\n",
])
def test_what_is_no_end_line(data: bytes) -> None:
    console = Console()
    console.feed(data)
    console.close()
    assert console.status is None


def test_a_guest_in_the_middle_of_the_end_line() -> None:
    console = Console()
    console.feed(b"end st\x1eAnoise\n\x1e@atus=5\n")
    assert console.status == 5
    assert console.channels["A"] == "noise\n"


def test_broken_bytes_and_lone_returns_stay_visible() -> None:
    console = Console()
    console.feed(b"\x1eA\xff|\r|\r\r\n\xc3")
    console.close()
    assert console.channels == {"A": "\ufffd|\r|\r\n\ufffd"}

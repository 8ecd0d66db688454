"""The answer of a process agent: what stands on its stdout, read as it comes.

Either one JSON document, which is the output; or JSON lines, each an object that says what it is:
`{"progress": any}` any number of times, then one `{"result": any}` or `{"error": {"title": …}}`. The first
line decides: if it is such an object, stdout is lines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from podium.agents.interface import OUTPUT_BYTES_MAX, AttemptFailed, Performed
from podium.agents.output import too_large
from podium.facts.values import JSON

EXCERPT_BYTES = 60
COST_NANO_MAX = 10**15
"""A million units of money: who tells of more is mistaken about what he counts."""
_BLANKS = b" \t\r\n"

_decode = msgspec.json.Decoder().decode


class Answer:
    """Reads stdout in chunks; never holds more than one output."""

    def __init__(self, progress: Callable[[JSON], None]) -> None:
        self.failure: AttemptFailed | None = None
        self._progress = progress
        self._buffer = bytearray()
        self._searched = 0
        self._offset = 0
        self._mode = ""
        self._performed: Performed | None = None

    def feed(self, chunk: bytes) -> None:
        """Take what was written, in pieces of any size.

        Raises:
            AttemptFailed: it is too much, or a line is rubbish.
        """
        self._buffer += chunk
        while self._mode != "document":
            if not self._searched:
                self._skip_blanks()
            end = self._buffer.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._buffer)
                break
            if not self._line(bytes(self._buffer[:end])):
                break
            del self._buffer[: end + 1]
            self._offset += end + 1
            self._searched = 0
        if len(self._buffer) > OUTPUT_BYTES_MAX:
            raise too_large(self._offset + len(self._buffer))

    def finish(self) -> Performed:
        """What the agent answered, now that its stdout ended.

        Raises:
            AttemptFailed: rubbish, nothing, or what the agent itself calls an error.
        """
        rest = bytes(self._buffer)
        if self._mode != "document" and rest.strip() and self._line(rest):
            rest = b""
        if self.failure is not None:
            raise self.failure
        if self._performed is not None:
            return self._performed
        if self._mode == "lines":
            raise _rubbish("the agent told its progress and then ended without a result")
        if not rest.strip():
            raise _rubbish("the agent wrote nothing to stdout", "If it has nothing to say, it writes null.")
        return Performed(parse(rest, self._offset))

    def _skip_blanks(self) -> None:
        """Blank lines all at once: one after the other, millions of them would take minutes."""
        blanks = len(self._buffer) - len(self._buffer.lstrip(_BLANKS))
        del self._buffer[:blanks]
        self._offset += blanks

    def _line(self, line: bytes) -> bool:
        """Take a line; whether it is used up (it is not if it begins a document)."""
        if not line.strip():
            return True
        if self._performed is not None or self.failure is not None:
            raise _rubbish(
                "there is more on stdout after the result",
                f"At byte {self._offset}: {_excerpt(line, 0)}",
            )
        said = _said(line)
        if said is not None:
            self._mode = "lines"
            self._take(said)
            return True
        if self._mode == "lines":
            parse(line, self._offset)
            raise _rubbish(
                "a line on stdout is neither progress nor a result",
                f"At byte {self._offset}: {_excerpt(line, 0)}",
            )
        self._mode = "document"
        return False

    def _take(self, said: dict[str, Any]) -> None:
        cost = said.get("cost_nano", -1)
        if "progress" in said:
            self._progress(said["progress"])
        elif "result" in said:
            self._performed = Performed(said["result"], cost)
        else:
            error = said["error"]
            self.failure = AttemptFailed(
                str(error["title"])[:500],
                str(error.get("detail", "")),
                retryable=error.get("retryable") is not False,
            )


def _said(line: bytes) -> dict[str, Any] | None:
    """The line, if it is one of the objects of the line form."""
    try:
        value = _decode(line)
    except Exception:
        return None
    if not isinstance(value, dict):
        return None
    members = value.keys() - {"cost_nano"}
    if len(members) != 1 or not _is_cost(value.get("cost_nano", 0)):
        return None
    if "progress" in value or "result" in value:
        return value
    error = value.get("error")
    return value if isinstance(error, dict) and isinstance(error.get("title"), str) else None


def _is_cost(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COST_NANO_MAX


def parse(text: bytes, offset: int, where: str = "stdout") -> JSON:
    """The JSON value of a text that starts at byte `offset` of `where`.

    Raises:
        AttemptFailed: it is no JSON; the detail says at which byte, and what stands there.
    """
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise _rubbish(
            f"{where} is not UTF-8", f"At byte {offset + error.start}: {_excerpt(text, error.start)}"
        ) from None
    try:
        return _decode(text)
    except msgspec.DecodeError as error:
        place = _place(str(error), text)
        reason = str(error).partition(" (byte ")[0]
        raise _rubbish(
            f"{where} is not JSON", f"At byte {offset + place}: {_excerpt(text, place)}\n{reason}"
        ) from None
    except RecursionError:
        raise _rubbish("the output is nested too deeply") from None


def _place(message: str, text: bytes) -> int:
    number = message.rpartition("(byte ")[2].rstrip(")")
    if not number.isdigit():
        return len(text)
    # Of what follows a document the decoder tells the second byte.
    return int(number) - ("trailing" in message)


def _excerpt(text: bytes, place: int) -> str:
    """What stands around a byte, printable."""
    part = text[max(0, place - 10) : place + EXCERPT_BYTES]
    if not part:
        return "the end"
    return repr(part.decode("utf-8", "backslashreplace"))


def _rubbish(title: str, detail: str = "") -> AttemptFailed:
    return AttemptFailed(title, detail)

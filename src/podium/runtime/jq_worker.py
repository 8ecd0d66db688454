"""The process that runs jq programs: frames in, frames out; it can read nothing and keeps only a cache.

It is started as a plain file by an isolated interpreter without site-packages and imports nothing of podium,
so that it is up within milliseconds. Its arguments are the path of the `jq` module, the limit of its memory
in bytes, and the processor time that one program may take, in ms.

A request is `>BII`: CHECK or EVALUATE, and the lengths of program and JSON argument, which follow. A reply
is `>BI`: VALUE or FAILURE and the length of the UTF-8 text that follows: JSON, or why there is none. Replies
come in the order of requests; the first is READY. What exceeds a limit ends the process, and the parent
tells why from how it ended: SIGPROF for time, SIGABRT or EXIT_MEMORY for memory.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import struct
import sys
from collections import OrderedDict
from typing import Any, BinaryIO

CHECK, EVALUATE = 1, 2
VALUE, FAILURE, READY = 1, 2, 3
REQUEST = struct.Struct(">BII")
REPLY = struct.Struct(">BI")
OUTPUT_BYTES_MAX = 16 * 1024 * 1024
EXIT_MEMORY = 112

_PROGRAMS_MAX = 256
_FAILURE_CHARACTERS = 2000
_PR_SET_PDEATHSIG = 1
_SHADOWED = (
    "env", "input", "inputs", "debug", "debug(f)", "stderr", "halt", "halt_error", "halt_error(f)", "now",
    "localtime", "strflocaltime(f)", "input_line_number", "input_filename", "modulemeta", "get_search_list",
    "get_jq_origin", "get_prog_origin",
)  # fmt: skip
PRELUDE = (
    "".join(
        f'def {name}: error("`{name.partition("(")[0]}` is not available in an expression"); '
        for name in _SHADOWED
    )
    + "{} as $ENV | "
)
"""Stands before every program, on its first line, and hides what would make it depend on more than data."""

_PLACE = re.compile(r" at <top-level>(?:, line (\d+), column (\d+))?:?$")


def main() -> None:
    """Answer requests on stdin until it closes."""
    jq_path, memory_bytes, deadline_ms = sys.argv[1:4]
    _confine(int(memory_bytes))
    worker = Worker(_load(jq_path), int(deadline_ms) / 1000)
    _write(REPLY.pack(READY, 0))
    try:
        serve(worker, sys.stdin.buffer)
    except MemoryError:
        os._exit(EXIT_MEMORY)


def serve(worker: Worker, requests: BinaryIO) -> None:
    while len(header := requests.read(REQUEST.size)) == REQUEST.size:
        kind, program_length, argument_length = REQUEST.unpack(header)
        program = requests.read(program_length)
        argument = requests.read(argument_length)
        status, text = worker.answer(kind, program, argument)
        _write(REPLY.pack(status, len(text)) + text)


class Worker:
    """Compiles and runs programs, each within its time."""

    def __init__(self, jq: Any, deadline_seconds: float) -> None:
        self._jq, self._deadline_seconds = jq, deadline_seconds
        self._programs: OrderedDict[bytes, Any] = OrderedDict()

    def answer(self, kind: int, program: bytes, argument: bytes) -> tuple[int, bytes]:
        signal.setitimer(signal.ITIMER_PROF, self._deadline_seconds)
        try:
            compiled = self._compiled(program)
            if kind == CHECK:
                return VALUE, b"null"
            # Through `tojson`, numbers keep the digits that Python's floats would lose.
            text = compiled.input_text(argument.decode()).first().encode("utf-8", "replace")
        except MemoryError:
            raise
        except Exception as error:
            return FAILURE, _reason(error).encode("utf-8", "replace")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if len(text) > OUTPUT_BYTES_MAX:
            return FAILURE, f"it gave more than {OUTPUT_BYTES_MAX >> 20} MiB".encode()
        return VALUE, text

    def _compiled(self, program: bytes) -> Any:
        compiled = self._programs.get(program)
        if compiled is None:
            compiled = self._jq.compile(f"{PRELUDE}first(({program.decode()}), null) | tojson")
            if len(self._programs) >= _PROGRAMS_MAX:
                self._programs.popitem(last=False)
            self._programs[program] = compiled
        else:
            self._programs.move_to_end(program)
        return compiled


def _reason(error: Exception) -> str:
    """jq's message without its program text; lines count from the second, where the author's text starts."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    first = str(error).partition("\n")[0].removeprefix("jq: error: ")
    place = _PLACE.search(first)
    if place is not None:
        first = first[: place.start()]
        if place[1] and int(place[1]) > 1:
            first = f"{first} (line {int(place[1]) - 1}, column {place[2]})"
    return (first or type(error).__name__)[:_FAILURE_CHARACTERS]


def _write(frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(1, view) :]


def _load(path: str) -> Any:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("jq", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _confine(memory_bytes: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    os.environ.clear()
    _die_with_parent()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _die_with_parent() -> None:
    """Where the system has no such signal, the end of stdin ends the process once its program is done."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    main()

"""Options that hold for every command, whichever it is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from podium.cli.output import Format


@dataclass(frozen=True, slots=True)
class Options:
    """The options that every command has.

    Attributes:
        state: the state folder.
        format: how data is shown; "" where the command decides.
        no_input: never ask.
        debug: show tracebacks.
    """

    state: Path
    format: Format | None
    no_input: bool
    debug: bool

    @property
    def live(self) -> bool:
        """Whether progress can be drawn: stderr is a terminal, and stdin one that may be asked."""
        return sys.stderr.isatty() and not self.no_input

"""`erase`: make what is kept about somebody unreadable, for good."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say, show_one

Given = Annotated[Options, Parameter(parse=False)]


def erase(*, subject: str, reason: str, options: Given) -> int:
    """Cancel the runs that are about somebody, and make all that is kept of them unreadable for good.

    What happened stays in the log, and proofs still hold; what it was about is gone. There is no way back.

    Parameters
    ----------
    subject
        Whom, as the runs or their workflow named them.
    reason
        Why. It stays readable: name nobody in it.
    """
    if not reason.strip():
        raise Stop(Exit.USAGE, "`--reason` must say why")
    with hubs.asked(options.state) as client:
        detail = client.erase(subject, reason)
    if options.format in ("json", "jsonl"):
        show_one({"detail": detail}, options.format)
    else:
        say(f"erased: {detail}")
    return Exit.OK

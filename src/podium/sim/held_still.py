"""What must not begin while people hold it still: everything, or an agent."""

from __future__ import annotations

from podium.facts.suspension import EVERYTHING
from podium.kernel.state import Run
from podium.sim.ledger import Ledger
from podium.sim.violation import hold


def begins(ledger: Ledger, run: Run, agent: str, asker: int, task: str) -> None:
    """No attempt starts that is suspended, nor one that was asked for by whoever is."""
    suspended = ledger.replica.suspended
    if not suspended:
        return
    hold(EVERYTHING not in suspended, "I18", f"{task} of run {run.id} begins though everything is suspended")
    line = [agent]
    while asker:
        line.append(run.effects[asker].agent)
        asker = run.effects[asker].asker
    held = [one for one in line if one in suspended or one.partition("@")[0] in suspended]
    hold(not held, "I18", f"{task} of run {run.id} begins though {held} is suspended")

"""Data flow: what is known of the data along the tasks of a workflow, and who takes it.

What a task takes is a handoff: who judges it looks at what is known of the value, and at the schema that it
must keep.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from podium.contracts.certainty import handed
from podium.contracts.compatibility import Compatibility
from podium.contracts.fragments import Library, canonical
from podium.planning.kinds import KINDS
from podium.planning.knowledge import Knowledge
from podium.planning.walking import Handoff, Lookup, Walk
from podium.workflow.program import Program


@dataclass(frozen=True, slots=True)
class Flow:
    """What a walk found: the handoffs, and references of tasks that nothing leads to.

    Attributes:
        library: what the schemas of the handoffs refer to.
    """

    handoffs: tuple[Handoff, ...]
    unreachable: tuple[str, ...]
    library: Library
    _verdicts: dict[bytes, Compatibility] = field(default_factory=dict, repr=False)

    def verdict(self, handoff: Handoff) -> Compatibility:
        """Whether what comes suits who takes it."""
        key = canonical([handoff.given, handoff.wanted])
        if key not in self._verdicts:
            self._verdicts[key] = handed(self.library, handoff.given, handoff.wanted)
        return self._verdicts[key]


def flow_of(program: Program, lookup: Lookup) -> Flow:
    """Walk a workflow."""
    library = Library()
    walk = Walk(program, lookup, Knowledge(library), KINDS)
    walk.run()
    return Flow(tuple(walk.handoffs.values()), tuple(walk.unreachable()), library)

"""`python -m tests.mutations.record NAME …`: seed a bug, hunt it, keep the transcript of what it broke."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.mutations.mutations import MUTATIONS
from tests.mutations.seeding import TRANSCRIPTS, copy_sources, hunt_worlds

SEEDS = 3_000


def main() -> None:
    known = {mutation.name: mutation for mutation in MUTATIONS}
    for name in sys.argv[1:]:
        mutation = known[name]
        with tempfile.TemporaryDirectory() as folder:
            sources = copy_sources(Path(folder), mutation.edits)
            target = TRANSCRIPTS / f"{name}.txt"
            caught = hunt_worlds(sources, str(SEEDS), "--record", str(target), "--was", mutation.breaks)
        print(f"{name}: {caught.by or 'nothing'} after {caught.seeds} worlds: {caught.message}", flush=True)


if __name__ == "__main__":
    main()

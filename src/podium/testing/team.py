"""A hub for a test: agents and workflows declared, runs made for real, everything gone afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from podium.bootstrap import serve
from podium.sdk.client import Client, Run
from podium.sdk.manifests import load

__all__ = ["team", "until_waiting"]


@contextmanager
def team(folder: Path, *paths: Path | str) -> Iterator[Client]:
    """A client of a hub of its own, to which everything in these files and folders has been declared.

    An agent that is not to be called for real is replaced by declaring another one of its capability, for
    example in the test's own file: give `__file__` as a path.

    Args:
        folder: where the hub keeps its state; pytest's `tmp_path` will do.
        paths: manifests, Python files, or folders of them.
    Raises:
        AssertionError: a file cannot be read as what it is; the message lists the problems with their places.
        PodiumError: a workflow does not compile, or calls what nobody offers.
    """
    loaded = load([Path(path) for path in paths])
    problems = [f"{problem.file}:{problem.line}: {problem.message}" for problem in loaded.problems]
    assert not problems, "\n".join(problems)
    serving = serve(folder / ".podium")
    try:
        with Client(serving.door, "user:test") as client:
            client.apply(loaded.resources)
            yield client
    finally:
        serving.stop(0)


def until_waiting(
    client: Client, run_id: str, kind: str = "human", timeout_s: float = 30.0
) -> dict[str, Any]:
    """What a run waits for, as soon as it waits for something of this kind: `human`, `event` or `timer`.

    Raises:
        AssertionError: the run ended, or the time is over.
    """
    limit = time.monotonic() + timeout_s
    while True:
        run: Run = client.get_run(run_id)
        for waiting in run.waiting_for:
            if waiting["kind"] == kind:
                return dict(waiting)
        assert not run.ended, f"the run ended ({run.status}) and waited for no {kind}: {run.error}"
        assert time.monotonic() < limit, f"after {timeout_s:g} s the run waits for no {kind}"
        time.sleep(0.02)

"""A real hub keeps its views, and they outlive it."""

from __future__ import annotations

from pathlib import Path

from podium.bootstrap import RUNS_SHARD, VIEWS, LocalHub, open_hub
from podium.facts.identity import run_id_of
from podium.facts.inputs import AnswerHuman, Apply, Input, SubmitRun
from podium.facts.values import Accepted
from podium.views.queries import Views
from tests.views.hub import ASK, workflow

SOON_MS = 20_000
RUN = run_id_of("test", "a")


def told(hub: LocalHub, *inputs: Input) -> None:
    """Tell the hub, and wait until the views reflect it."""
    for one in inputs:
        assert isinstance(hub.tell(one).result(), Accepted)

    def seq() -> int:
        assert hub.shard.state is not None
        return hub.shard.state.seq

    assert hub.views.wait_for(RUNS_SHARD, hub.do(seq).result(), SOON_MS)


def test_the_views_follow_a_hub_and_the_next(tmp_path: Path) -> None:
    views = Views(tmp_path / VIEWS)
    hub = open_hub(tmp_path)
    told(hub, Apply(resources=(workflow("ask", {"ask": ASK}),)), SubmitRun(run_id=RUN, workflow="test/ask"))
    assert [approval.title for approval in views.approvals()] == ["Go on?"]
    assert [workflow.name for workflow in views.workflows()] == ["test/ask"]
    hub.stop()
    (tmp_path / VIEWS).unlink()
    hub = open_hub(tmp_path)
    told(hub, AnswerHuman(run_id=RUN, principal="user:bob"))
    hub.stop()
    run = views.run(RUN)
    assert run is not None and (run.status, run.effects_done) == ("completed", 1)
    assert views.approvals() == []
    views.close()

"""What people do about runs: stop them, answer them, settle what went wrong."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import (
    Answered,
    Declassified,
    Done,
    Items,
    Reason,
    Reset,
    Resolved,
    Settled,
)

Effect = Annotated[int, Path(ge=0, le=2**31, description="Its number in the run; 0 if only one waits")]
Reads = Annotated[Caller, needs("read")]
Runs = Annotated[Caller, needs("run")]
Operates = Annotated[Caller, needs("operate")]
CONFLICT: dict[int | str, dict[str, Any]] = {409: {}}


def router(served: Served) -> APIRouter:
    routes = noun("acting")

    async def act(call: str, params: dict[str, Any], caller: Caller) -> Response:
        return answered(await served.ask(call, params, caller))

    @routes.post("/runs/{run_id}/cancel", response_model=Done, responses=CONFLICT)
    async def cancel(run_id: str, body: Reason, caller: Runs) -> Response:
        """End a run now."""
        return await act("cancel", {"run_id": run_id, **body.model_dump()}, caller)

    @routes.post("/runs/{run_id}/suspend", response_model=Done, responses=CONFLICT)
    async def suspend(run_id: str, body: Reason, caller: Runs) -> Response:
        """Start nothing more in a run."""
        return await act("suspend", {"run_id": run_id, **body.model_dump()}, caller)

    @routes.post("/runs/{run_id}/resume", response_model=Done, responses=CONFLICT)
    async def resume(run_id: str, body: Reason, caller: Runs) -> Response:
        """Let a suspended run go on."""
        return await act("resume", {"run_id": run_id, **body.model_dump()}, caller)

    @routes.post("/runs/{run_id}/answer", response_model=Done, responses=CONFLICT)
    async def answer(run_id: str, body: Answered, caller: Annotated[Caller, needs("approve")]) -> Response:
        """Answer a question that a run asks a person."""
        return await act("answer", {"run_id": run_id, **body.model_dump()}, caller)

    @routes.post("/runs/{run_id}/resolve", response_model=Done, responses=CONFLICT)
    async def resolve(run_id: str, body: Resolved, caller: Operates) -> Response:
        """Say what became of an effect in doubt."""
        return await act("resolve", {"run_id": run_id, **body.model_dump()}, caller)

    @routes.post("/runs/{run_id}/declassify", response_model=Done, responses=CONFLICT)
    async def declassify(
        run_id: str, body: Declassified, caller: Annotated[Caller, needs("approve")]
    ) -> Response:
        """Take labels from the data of a run."""
        return await act("declassify", {"run_id": run_id, **body.model_dump()}, caller)

    @routes.get("/escalations", response_model=Items)
    async def escalations(caller: Reads) -> Response:
        """All that waits for an operator, longest first, each with the command that settles it."""
        return answered({"items": await served.ask("escalations", {}, caller)})

    @routes.get("/dead-letters", response_model=Items)
    async def dead_letters(
        caller: Reads,
        run_id: str = "",
        workflow: str = "",
        agent: str = "",
        task: str = "",
        error: str = "",
        before: Annotated[int, Query(ge=0, le=2**62)] = 0,
    ) -> Response:
        """Effects that failed for good and were kept, longest first."""
        wanted = {
            "run_id": run_id, "workflow": workflow, "agent": agent, "task": task, "error": error,
            "before": before,
        }  # fmt: skip
        return answered({"items": await served.ask("dead_letters", wanted, caller)})

    @routes.post("/dead-letters/{run_id}/{effect}", response_model=Done, responses=CONFLICT)
    async def settle_dead_letter(run_id: str, effect: Effect, body: Settled, caller: Operates) -> Response:
        """Try an effect that failed for good again, or drop it."""
        asked = {"run_id": run_id, "effect": effect, **body.model_dump()}
        return await act("settle_dead_letter", asked, caller)

    @routes.post("/breakers/{agent}/reset", response_model=Done, responses=CONFLICT)
    async def reset_breaker(agent: str, body: Reset, caller: Operates) -> Response:
        """Close the open breaker of an agent, because it works again."""
        return await act("reset_breaker", {"agent": agent, **body.model_dump()}, caller)

    return routes

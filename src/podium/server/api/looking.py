"""For whoever looks at everything at once: counts, flows, search; and what a run looks like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from podium.facts.values import JSON
from podium.pictures.folding import folded
from podium.pictures.layout import Box, Drawing, drawing
from podium.pictures.progress import progress
from podium.pictures.sketch import Sketch, sketch
from podium.provenance.deeds import Evidence
from podium.provenance.explaining import Target, Unexplained, explain
from podium.runtime.identity import Caller
from podium.runtime.presenting import record_from
from podium.server.gate import needs
from podium.server.problems import Trouble, unavailable
from podium.server.routing import answered, next_page, noun
from podium.server.served import Served
from podium.server.shapes import Items, Shape
from podium.views.finding import NEWEST
from podium.views.queries import ViewsUnavailable
from podium.workflow.compile import compile_workflow

T = TypeVar("T")

Reads = Annotated[Caller, needs("read")]
Text = Annotated[str, Query(max_length=300)]
Moment = Annotated[int, Query(ge=0, le=2**62, description="ms since 1970; 0 for any")]
Status = Literal[
    "", "queued", "running", "suspended", "completed", "faulted", "cancelled", "unfinished", "waiting"
]

SHARED_S = 0.4
"""What all look at is looked up no more often."""

_FOUND_MAX = 6
_TASKS_MAX = 60


class Shared(Generic[T]):
    """An answer that all who ask within a moment share, however many look."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._until = 0.0
        self._asking: asyncio.Future[T] | None = None

    async def now(self) -> T:
        """The answer, no older than `SHARED_S`. Raises what asking does."""
        if self._asking is None or (self._asking.done() and time.monotonic() > self._until):
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(lambda _: setattr(self, "_until", time.monotonic() + SHARED_S))
        asking = self._asking
        try:
            return await asyncio.shield(asking)
        except Trouble:
            self._asking = None
            raise


class Overview(Shape):
    """Counts, and `minutes`: how many runs ended in each of the last 60, oldest first."""

    runs: dict[str, int]
    approvals: int
    escalations: int
    spent_today_nano: int
    minutes: list[dict[str, int]]


class Found(Shape):
    """`items` are labels and resources that words mean; `runs` the newest that have to do with them."""

    items: list[dict[str, Any]]
    runs: list[dict[str, Any]]


class FoundRuns(Shape):
    items: list[dict[str, Any]]
    next: str


class Picture(Shape):
    """A drawing in pixels: boxes with their state, lines, and texts."""

    title: str
    width: float
    height: float
    boxes: list[dict[str, Any]]


def router(served: Served) -> APIRouter:
    routes = noun("looking")
    looks = served.views

    async def looked(question: Callable[..., T], *args: Any, **named: Any) -> T:
        try:
            found: T = await served.do(lambda: question(*args, **named))
            return found
        except ViewsUnavailable as error:
            raise unavailable("views", str(error)) from None

    glance = Shared(lambda: looked(looks.glance, time.time_ns() // 1_000_000))
    flows = Shared(lambda: looked(looks.flow))

    @routes.get("/overview", response_model=Overview)
    async def overview(caller: Reads) -> Response:
        """What is going on, in numbers: runs by status, what waits, what was spent today, the last hour."""
        return answered(await glance.now())

    @routes.get("/flow", response_model=Items)
    async def flow(caller: Reads) -> Response:
        """Who asked whom, how often and with what outcome, in the newest and the unfinished runs."""
        return answered({"items": await flows.now()})

    @routes.get("/spend", response_model=Items)
    async def spend(caller: Reads, days: Annotated[int, Query(ge=1, le=366)] = 30) -> Response:
        """Calls and cost by day (UTC) and agent, newest day first."""
        return answered({"items": await looked(looks.spend, days)})

    @routes.get("/overrides", response_model=Items)
    async def overrides(caller: Reads, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Response:
        """Every time that somebody broke the glass, newest first."""
        return answered({"items": await looked(looks.overrides, limit=limit)})

    @routes.get("/hits", response_model=Items)
    async def hits(caller: Reads) -> Response:
        """Which rules of policies decided of late, how, and how often."""
        return answered({"items": await served.ask("hits", {}, caller)})

    @routes.get("/search", response_model=Found)
    async def search(caller: Reads, text: Text = "", since: Moment = 0, until: Moment = 0) -> Response:
        """Labels, resources and runs that words mean."""
        words = text.split()
        items: list[dict[str, Any]] = []
        if words:
            labels = await looked(looks.labels, words)
            items += [{"kind": "label", "name": f"{one.name}={one.value}"} for one in labels[:_FOUND_MAX]]
            items += await _named(served, caller, text.strip().lower())
        runs, _ = await looked(
            looks.search, words=words, labels=[], since=since, until=until, limit=_FOUND_MAX
        )
        return answered({"items": items, "runs": runs})

    @routes.get("/search/runs", response_model=FoundRuns)
    async def search_runs(
        request: Request, caller: Reads, text: Text = "", status: Status = "", workflow: Text = "",
        label: Text = "", since: Moment = 0, until: Moment = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
        before: Annotated[int, Query(ge=0, le=2**62)] = 0,
    ) -> Response:  # fmt: skip
        """Runs that have to do with words, or started at some time, newest first.

        Where many had to be looked at to find them, a page is short and has a `next` all the same.
        """
        name, equals, value = label.partition("=")
        if label and not equals:
            raise Trouble(422, "form", "`label` is `name=value`", code="usage")
        runs, following = await looked(
            looks.search, words=text.split(), labels=[(name, value)] if label else [], status=status,
            workflow=workflow, since=since, until=until, limit=limit, before=before or NEWEST,
        )  # fmt: skip
        return answered({"items": runs, "next": next_page(request, following)})

    @routes.get("/runs/{run_id}/effects", response_model=Items)
    async def effects(
        run_id: str,
        caller: Reads,
        after: Annotated[int, Query(ge=0, le=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=20_000)] = 1_000,
    ) -> Response:
        """What a run asked of others, in the order in which it did, without payloads."""
        run = await served.ask("run", {"run_id": run_id}, caller)
        return answered({"items": await looked(looks.list_effects, run["id"], limit=limit, after=after)})

    @routes.get("/runs/{run_id}/picture", response_model=Picture)
    async def picture(run_id: str, caller: Reads) -> Response:
        """The workflow of a run, drawn, with how each of its tasks does."""
        run = await served.ask("run", {"run_id": run_id}, caller)
        evidence = await served.ask("evidence", {"run_id": run["id"]}, caller)
        return answered(await served.do(_picture, evidence))

    @routes.get("/runs/{run_id}/explanation", response_model=dict[str, Any], responses={409: {}})
    async def explanation(
        run_id: str,
        caller: Reads,
        effect: Annotated[int, Query(ge=0, le=2**31)] = 0,
        task: Text = "",
        path: Annotated[str, Query(max_length=1_000, pattern="^(/.*)?$")] = "",
    ) -> Response:
        """What the output of a run rests on, or what a task or an effect of it gave; as `podium explain`."""
        shown = await served.ask("evidence", {"run_id": run_id}, caller)
        found = {shown["run_id"]: shown}
        await _with_others(served, caller, shown, found)
        return answered(await served.do(_explained, found, shown["run_id"], Target(task, effect, path)))

    return routes


async def _named(served: Served, caller: Caller, text: str) -> list[dict[str, Any]]:
    """Resources whose names have a text in them."""
    found: list[dict[str, Any]] = []
    for kind, noun_of in (
        ("workflows", "workflow"),
        ("agents", "agent"),
        ("tools", "tool"),
        ("policies", "policy"),
    ):
        rows = await served.ask("get", {"kind": kind, "limit": 10_000}, caller)
        hits = [row for row in rows if text in row["name"].lower()]
        found += [
            {"kind": noun_of, "name": row["name"], "about": row.get("description") or row.get("summary", "")}
            for row in hits[:_FOUND_MAX]
        ]
    return found


async def _with_others(served: Served, caller: Caller, shown: Any, found: dict[str, Any]) -> None:
    """Find the evidence of runs that a run waited for, as far as it is there; a few deep at most."""
    nested = [
        record["key"]
        for record in shown["records"]
        if record["type"] == "EffectRequested" and record["kind"] == "workflow"
    ]
    for run_id in nested:
        if run_id and run_id not in found and len(found) < _FOUND_MAX:
            try:
                found[run_id] = await served.ask("evidence", {"run_id": run_id}, caller)
            except Trouble:
                continue
            await _with_others(served, caller, found[run_id], found)


def _explained(found: dict[str, Any], run_id: str, target: Target) -> JSON:
    def evidence(other: str) -> Evidence | None:
        shown = found.get(other)
        if shown is None:
            return None
        workflow = shown["workflow"]
        program, _ = compile_workflow(workflow["document"], workflow["digest"])
        if program is None:
            raise Trouble(
                409, "unexplained", "the workflow of the run does not compile any more", code="conflict"
            )
        records = [record_from(record) for record in shown["records"]]
        return Evidence(shown["run_id"], program, records, shown["performers"])

    own = evidence(run_id)
    assert own is not None
    try:
        explained: JSON = msgspec.to_builtins(explain(own, target, evidence))
    except Unexplained as unexplained:
        raise Trouble(404, "unexplained", str(unexplained), code="not-found") from None
    return explained


def _picture(evidence: Any) -> dict[str, JSON]:
    states = progress(evidence["records"])
    whole = sketch(evidence["workflow"]["document"])
    drawn: Drawing = drawing(Sketch(whole.title, folded(whole.steps, states)), states)
    return {
        "title": whole.title, "width": drawn.width, "height": drawn.height,
        "boxes": [_box(box) for box in drawn.boxes],
        "wires": [{"points": wire.points, "jumps": wire.jumps} for wire in drawn.wires],
        "captions": [{"x": one.x, "y": one.y, "text": one.text} for one in drawn.captions],
        "begin": drawn.begin, "finish": drawn.finish,
    }  # fmt: skip


def _box(box: Box) -> dict[str, JSON]:
    return {
        "x": box.x, "y": box.y, "width": box.width, "height": box.height, "inside": box.inside,
        "lines": box.lines, "name": box.step.name, "kind": box.step.kind, "task": box.step.reference,
        "hidden": box.step.hidden, "status": box.state.status if box.state else "",
        "times": box.state.times if box.state else 0,
    }  # fmt: skip

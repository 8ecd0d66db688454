"""Runs: start, list, look at."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response, StreamingResponse

from podium.facts.sharing import Priority
from podium.runtime.identity import Caller
from podium.server.api.events import STREAM, STREAM_HEADERS, viewer_of
from podium.server.gate import Visitor, needs, visits
from podium.server.problems import Trouble
from podium.server.routing import answered, next_page, noun, read_json
from podium.server.served import Served
from podium.server.shapes import (
    Again,
    Events,
    Items,
    Matching,
    Output,
    Run,
    RunDescribed,
    RunPage,
    Story,
    Submission,
    Submitted,
    Words,
)
from podium.views.story import tell

Key = Annotated[str, Header(alias="Idempotency-Key", max_length=1_000)]
_SUBMISSION: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in (("Idempotency-Key", "One run for each"), ("traceparent", "W3C trace context"))
    ],
    "requestBody": {
        "required": True, "content": {"application/json": {"schema": Submission.model_json_schema()}},
    },
}  # fmt: skip
After = Annotated[
    int, Query(ge=0, description="Wait until at least this position of the log is reflected.", le=2**62)
]
Status = Literal[
    "", "queued", "running", "suspended", "completed", "faulted", "cancelled", "unfinished", "waiting"
]
Reads = Annotated[Caller, needs("read")]
Runs = Annotated[Caller, needs("run")]

_OWN_KEY = "podium-"
_WAIT_MS_MAX = 30_000
_SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {"model": Submitted, "description": "The same run was started with that key before"},
    409: {},
}


def router(served: Served) -> APIRouter:
    routes = noun("runs", "/v1/runs")

    @routes.post(
        "", status_code=201, response_model=Submitted, responses=_SUBMITTED, openapi_extra=_SUBMISSION
    )
    async def submit(request: Request, caller: Runs) -> Response:
        """Start a run; it is durable when this answers.

        The same `Idempotency-Key` with the same workflow and input is the same run (200); with others it is a
        conflict (409). With a `traceparent`, the run's spans join the trace of whoever asks.
        """
        kind = request.headers.get("content-type", "")
        if not kind.startswith("application/json"):
            raise Trouble(415, "media-type", "a run is submitted as application/json", code="usage")
        asked = submission_of(await request.body())
        asked["traceparent"] = request.headers.get("traceparent", "")[:200]
        return await _submit(served, asked, caller, request.headers.get("idempotency-key", ""))

    @routes.get("", response_model=RunPage, responses={409: {"description": "The log is not that far"}})
    async def list_runs(
        request: Request,
        caller: Reads,
        status: Status = "",
        workflow: Annotated[str, Query(max_length=300)] = "",
        parent: Annotated[str, Query(max_length=64)] = "",
        nested: bool = False,
        label: Annotated[list[str] | None, Query(description="`name=value`; may be repeated")] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
        before: Annotated[int, Query(ge=0, le=2**62, description="Where the page before ended")] = 0,
        after: After = 0,
    ) -> Response:
        """Runs, newest first; `next` is the address of the page after this one, "" where there is none.

        Where many had to be looked at to find them, a page is short and has a `next` all the same.
        """
        position = served.position()
        if after > position:
            message = f"the log has come to {position}, not to {after}: is that of another hub?"
            raise Trouble(409, "behind", message, code="conflict")
        # Whoever looks at the first page wants what is so now.
        asked = {
            "status": status, "workflow": workflow, "parent": parent, "nested": nested,
            "limit": limit, "before": before, "labels": _labels(label or []),
            "after": after if before else -1,
        }  # fmt: skip
        found = await served.ask("page", asked, caller)
        following = next_page(request, found["next"])
        return answered({"items": found["items"], "next": following, "position": position})

    @routes.post("/unfinished", response_model=Items)
    async def unfinished(body: Matching, caller: Reads) -> Response:
        """Unfinished runs of a workflow with exactly this input, newest first."""
        return answered({"items": await served.ask("unfinished", body.model_dump(), caller)})

    @routes.get("/{run_id}", response_model=Run)
    async def get_run(run_id: str, caller: Reads) -> Response:
        """A run as it stands."""
        return answered(await served.ask("run", {"run_id": run_id}, caller))

    @routes.get("/{run_id}/wait", response_model=Run)
    async def wait(
        run_id: str,
        caller: Reads,
        timeout_ms: Annotated[int, Query(ge=0, le=_WAIT_MS_MAX)] = 20_000,
        trace: bool = False,
    ) -> Response:
        """The run when it has ended, or as it stands when the time is over."""
        asked = {"run_id": run_id, "timeout_ms": timeout_ms, "trace": trace}
        return answered(await served.ask("wait", asked, caller))

    @routes.get("/{run_id}/describe", response_model=RunDescribed)
    async def describe_run(run_id: str, caller: Reads) -> Response:
        """All that is known of a run, its input too."""
        return answered(await served.ask("describe", {"kind": "run", "name": run_id}, caller))

    @routes.get("/{run_id}/output", response_model=Output, responses={409: {}})
    async def output(run_id: str, caller: Reads) -> Response:
        """What a run gave; a conflict (409) while it has not completed."""
        run = await served.ask("run", {"run_id": run_id}, caller)
        if run["status"] != "completed":
            message = f"run {run['id']} is {run['status']}; it has no output"
            raise Trouble(409, "no-output", message, code="conflict")
        return answered({"run_id": run["id"], "output": run["output"]})

    @routes.get("/{run_id}/story", response_model=Story)
    async def story(run_id: str, caller: Reads) -> Response:
        """What happened in a run, and why, in sentences."""
        records = await served.ask("events", {"run_id": run_id, "after": 0}, caller)
        for record in records:
            if str(record.get("key", "")).startswith(_OWN_KEY):
                record["key"] = ""
        lines = await served.do(tell, records, time.time_ns() // 1_000_000)
        return answered({"items": lines})

    @routes.get(
        "/{run_id}/events", response_model=Events,
        responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}}},
    )  # fmt: skip
    async def run_events(
        request: Request,
        run_id: str,
        visitor: Annotated[Visitor, visits("read")],
        after: After = 0,
        last_event_id: Annotated[str, Header(max_length=20, pattern="^[0-9]*$")] = "",
    ) -> Response:
        """The records of a run; as they come until it ends, where `text/event-stream` is accepted.

        Events of the stream are `record`, each with its seq as `id`, and at last `end` with the run.
        """
        run = await served.ask("run", {"run_id": run_id}, visitor.caller)
        after = max(after, int(last_event_id or 0))
        if STREAM not in request.headers.get("accept", ""):
            found = await served.ask("events", {"run_id": run["id"], "after": after}, visitor.caller)
            return answered({"items": found})

        async def read(seq: int) -> tuple[list[Any], Any]:
            now = await served.ask("run", {"run_id": run["id"]}, visitor.caller)
            records = await served.ask("events", {"run_id": run["id"], "after": seq}, visitor.caller)
            return records, now if now["ended_at"] else None

        viewer = viewer_of(served, visitor)
        return StreamingResponse(
            served.streams.of_run(viewer, run["id"], read, after), headers=STREAM_HEADERS, media_type=STREAM
        )

    @routes.get("/{run_id}/evidence", response_model=dict[str, Any])
    async def evidence(run_id: str, caller: Reads) -> Response:
        """What explains a run: its records, its workflow, and who performed its effects."""
        return answered(await served.ask("evidence", {"run_id": run_id}, caller))

    @routes.get("/{run_id}/trace", response_model=Words)
    async def trace(run_id: str, caller: Reads) -> Response:
        """References of the tasks that started, in that order."""
        return answered({"items": await served.ask("trace", {"run_id": run_id}, caller)})

    @routes.get("/{run_id}/tasks", response_model=Words)
    async def tasks(run_id: str, caller: Reads) -> Response:
        """References of the tasks of a run's workflow."""
        return answered({"items": await served.ask("tasks", {"run_id": run_id}, caller)})

    @routes.get("/{run_id}/held-back", response_model=Items)
    async def held_back(run_id: str, caller: Reads) -> Response:
        """What policy holds back or denied in a run."""
        return answered({"items": await served.ask("held_back", {"run_id": run_id}, caller)})

    @routes.post("/{run_id}/again", status_code=201, response_model=Submitted, responses=_SUBMITTED)
    async def again(run_id: str, body: Again, caller: Runs, idempotency_key: Key = "") -> Response:
        """Start another run of the same workflow, with the same input unless another is given.

        It is of the version that the first was, unless `current` asks for what the name means now.
        """
        run = await served.ask("describe", {"kind": "run", "name": run_id}, caller)
        if run["sealed"] and not body.subject:
            message = "the run is about somebody, and sealed: say in `subject` whom the other one is about"
            raise Trouble(409, "sealed", message, code="conflict")
        asked = {
            "workflow": run["workflow"].partition("@")[0] if body.current else run["digest"],
            "input": body.input if "input" in body.model_fields_set else run["input"],
            "labels": {**run["labels"], **body.labels}, "subject": body.subject, "key": "",
            "priority": run["priority"],
        }  # fmt: skip
        return await _submit(served, asked, caller, idempotency_key)

    return routes


def submission_of(body: bytes) -> dict[str, Any]:
    """What is submitted. Read without what other routes are read with: this one is called by the thousand.

    Raises:
        Trouble, RequestValidationError: it is not as it must be.
    """
    try:
        return msgspec.structs.asdict(_decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = read_json(body)
    try:
        return Submission.model_validate(found, strict=True).model_dump()
    except ValidationError as error:
        places = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(places) from None


class _Submission(msgspec.Struct, forbid_unknown_fields=True):
    """As `Submission`."""

    workflow: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    input: Any = None
    labels: dict[str, str] = {}
    subject: str = ""
    key: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    priority: Priority | Literal[""] = ""


_decode = msgspec.json.Decoder(_Submission).decode


async def _submit(served: Served, params: dict[str, Any], caller: Caller, key: str) -> Response:
    if len(key) > 1_000:
        raise Trouble(422, "form", "`Idempotency-Key` has 1,000 characters at most", code="usage")
    if key:
        if params["key"] not in ("", key):
            raise Trouble(422, "two-keys", "`key` and `Idempotency-Key` differ; give one", code="usage")
        params["key"] = key
    found = await served.ask("submit", params, caller)
    return answered(found, 201 if found["created"] else 200, {"location": f"/v1/runs/{found['run_id']}"})


def _labels(given: list[str]) -> dict[str, str]:
    """Raises Trouble."""
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise Trouble(422, "form", "`label` is `name=value`", code="usage")
    return {name: value for name, _, value in pairs}

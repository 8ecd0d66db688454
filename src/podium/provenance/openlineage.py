"""An explanation as run events of OpenLineage: runs and effects are runs of jobs, payloads are datasets.

Which member of a payload was made of which is told as column lineage. Source: the OpenLineage specification,
its `RunEvent` and the facets named here (https://openlineage.io/spec/).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from podium.provenance.explanation import Deed, Explanation, Part, Source

Event: TypeAlias = dict[str, Any]

PRODUCER = "https://podium.dev"
_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "parent": "1-2-0/ParentRunFacet", "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet", "jobType": "2-0-4/JobTypeJobFacet",
    "documentation": "1-1-0/DocumentationJobFacet",
}  # fmt: skip
_ENDS = {"completed": "COMPLETE", "succeeded": "COMPLETE", "cancelled": "ABORT", "given up": "ABORT"}


def run_events(explanation: Explanation) -> list[Event]:
    """A `START` event for each run and effect, and one for its end where it has ended, by time."""
    return [event for _, event in sorted(_events(explanation), key=lambda item: item[0])]


def _events(one: Explanation, above: str = "") -> Iterator[tuple[tuple[int, int], Event]]:
    """The events of a run; `above` is the workflow of the run that started it."""
    job = _job(one.workflow, "WORKFLOW")
    facts = {"status": one.status, "principal": one.principal, "cost_nano": one.run_cost_nano}
    run: Event = {"runId": one.run_id, "facets": _facet("podium", facts)}
    if one.parent:
        starter = {"run": {"runId": one.parent}, "job": {"namespace": "podium", "name": above or one.parent}}
        run["facets"] |= _facet("parent", starter)
    inputs = [_dataset(one.run_id, "input")]
    outputs: list[Event] = []
    if one.subject == "output":
        outputs = [_dataset(one.run_id, "output", _columns(one.run_id, one.parts))]
    yield (one.started_at, 0), _event("START", one.started_at, run, job, inputs, [])
    for deed in one.deeds:
        yield from _of_deed(one, deed)
    for inner in one.runs.values():
        yield from _events(inner, one.workflow)
    if one.ended_at:
        kind = _ENDS.get(one.status, "FAIL")
        ended = {**run, "facets": {**run["facets"], **_error(one)}}
        yield (one.ended_at, 3), _event(kind, one.ended_at, ended, job, inputs, outputs)


def _of_deed(one: Explanation, deed: Deed) -> Iterator[tuple[tuple[int, int], Event]]:
    workflow = one.workflow.partition("@")[0]
    job = _job(f"{workflow}{deed.task}", deed.kind.upper(), deed.description)
    words = [
        {"kind": word.kind, "verdict": word.verdict, "rules": list(word.rules), "policy": word.policy,
         "principal": word.principal, "why": word.why}
        for word in deed.words
    ]  # fmt: skip
    facts = {
        "effect": deed.effect, "performer": deed.agent, "digest": deed.digest, "capability": deed.capability,
        "attempts": deed.attempts, "cost_nano": deed.cost_nano, "role": deed.role, "decisions": words,
    }  # fmt: skip
    above = {"run": {"runId": one.run_id}, "job": {"namespace": "podium", "name": one.workflow}}
    run: Event = {
        "runId": _run_id(one.run_id, deed.effect),
        "facets": {**_facet("parent", above), **_facet("podium", facts)},
    }
    inputs = list(_inputs(one.run_id, deed.inputs))
    yield (deed.asked_at, 1), _event("START", deed.asked_at, run, job, inputs, [])
    if not deed.ended_at:
        return
    outputs: list[Event] = []
    if deed.status == "succeeded":
        columns = _columns(one.run_id, deed.inputs, whole=True)
        outputs = [_dataset(one.run_id, f"effect-{deed.effect}", columns)]
    elif deed.failures:
        message = {"message": deed.failures[-1], "programmingLanguage": "podium"}
        run = {**run, "facets": {**run["facets"], **_facet("errorMessage", message)}}
    kind = _ENDS.get(deed.status, "FAIL")
    yield (deed.ended_at, 2), _event(kind, deed.ended_at, run, job, inputs, outputs)


# --- parts ----------------------------------------------------------------------------------------------


def _event(kind: str, at: int, run: Event, job: Event, inputs: list[Event], outputs: list[Event]) -> Event:
    time = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "eventType": kind, "eventTime": time.replace("+00:00", "Z"), "run": run, "job": job, "inputs": inputs,
        "outputs": outputs, "producer": PRODUCER, "schemaURL": _EVENT,
    }  # fmt: skip


def _job(name: str, kind: str, description: str = "") -> Event:
    facets = _facet(
        "jobType", {"processingType": "BATCH", "integration": "PODIUM", "jobType": kind}
    )  # fmt: skip
    if description:
        facets |= _facet("documentation", {"description": description})
    return {"namespace": "podium", "name": name, "facets": facets}


def _facet(name: str, content: Event) -> Event:
    about = f"{_SPEC}/facets/{_FACETS[name]}.json" if name in _FACETS else f"{PRODUCER}/openlineage"
    kind = _FACETS[name].rpartition("/")[2] if name in _FACETS else "PodiumRunFacet"
    return {name: {"_producer": PRODUCER, "_schemaURL": f"{about}#/$defs/{kind}", **content}}


def _error(one: Explanation) -> Event:
    if one.subject != "error" or not isinstance(one.value, dict):
        return {}
    return _facet(
        "errorMessage", {"message": str(one.value.get("title", "")), "programmingLanguage": "podium"}
    )


def _dataset(run_id: str, name: str, facets: Event | None = None) -> Event:
    return {"namespace": f"podium/{run_id}", "name": name, "facets": facets or {}}


def _inputs(run_id: str, parts: Iterable[Part]) -> Iterator[Event]:
    """The datasets that a value is made of, each once."""
    names = dict.fromkeys(_named(source) for part in parts for source in part.sources)
    for name in names:
        yield _dataset(run_id, name)


def _named(source: Source) -> str:
    if source.kind in ("effect", "asker"):
        return f"effect-{source.effect}"
    return source.kind if source.kind == "input" else f"{source.kind}-{source.seq}"


def _columns(run_id: str, parts: Iterable[Part], *, whole: bool = False) -> Event:
    """Column lineage: which member is made of which. Of the `whole`, nobody can tell more than that."""
    fields: dict[str, Event] = {}
    for part in parts:
        name = "/" if whole else part.path or "/"
        taken = fields.setdefault(name, {"inputFields": []})["inputFields"]
        taken += [_field(run_id, source) for source in part.sources]
    fields = {name: field for name, field in fields.items() if field["inputFields"]}
    return _facet("columnLineage", {"fields": fields}) if fields else {}


def _field(run_id: str, source: Source) -> Event:
    kind = "DIRECT" if source.how == "value" else "INDIRECT"
    subtype = "TRANSFORMATION" if source.how == "value" else "CONDITIONAL"
    return {
        "namespace": f"podium/{run_id}", "name": _named(source), "field": source.path or "/",
        "transformations": [{"type": kind, "subtype": subtype}],
    }  # fmt: skip


def _run_id(run_id: str, effect: int) -> str:
    return str(uuid5(_uuid(run_id), str(effect)))


def _uuid(run_id: str) -> UUID:
    try:
        return UUID(run_id)
    except ValueError:
        return uuid5(NAMESPACE_URL, run_id)

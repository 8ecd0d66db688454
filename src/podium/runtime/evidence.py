"""What is needed to explain a run: its records, and the versions of all that had to do with it."""

from __future__ import annotations

from podium.facts import events as e
from podium.facts.catalog import WorkflowVersion
from podium.facts.events import Record
from podium.kernel.catalog import Catalog
from podium.runtime import presenting
from podium.runtime.inquiry import Inquiry
from podium.runtime.presenting import Shown


def evidence(about: Inquiry, run_id: str) -> Shown:
    """The evidence of a run. Raises Declined, StoreError.

    Returns:
        `run_id`; its `records` as the log has them, oldest first; its `workflow` with the `document`; and
        the `performers` of its effects, each as it was declared, by digest.
    """
    records = about.records(run_id)
    shown = about.sight.look(lambda _, catalog: _versions(catalog, records))
    return {"run_id": run_id, "records": [presenting.record_shown(record) for record in records], **shown}


def _versions(catalog: Catalog, records: list[Record]) -> Shown:
    started = records[0].event
    assert isinstance(started, e.RunStarted)
    asked = {
        record.event.digest
        for record in records
        if isinstance(record.event, e.EffectRequested | e.EffectRerouted | e.EffectRedriven)
    }
    performers = {
        digest: presenting.resource_shown(kind, digest, catalog.versions[kind][digest])
        for kind in ("Agent", "Tool", "Workflow")
        for digest in sorted(asked)
        if digest in catalog.versions[kind]
    }
    for shown in performers.values():
        shown.pop("document", None)
    return {
        "workflow": presenting.resource_shown("Workflow", started.digest, _workflow(catalog, records[0])),
        "performers": performers,
    }


def _workflow(catalog: Catalog, first: Record) -> WorkflowVersion:
    """What a run does, as it was declared, or as an agent planned it."""
    started, body = first.event, first.body
    assert isinstance(started, e.RunStarted)
    if not started.planned:
        declared: WorkflowVersion = catalog.versions["Workflow"][started.digest]
        return declared
    document = body.document if isinstance(body, e.RunStartedBody) else None
    names, _, version = started.workflow.partition("@")
    namespace, _, name = names.partition("/")
    return WorkflowVersion(namespace, name, version, document or {})

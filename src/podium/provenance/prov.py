"""An explanation as W3C PROV, in the PROV-JSON serialisation.

Effects and runs are activities, what was given and gave are entities, versions of agents and people are
agents; what policy and people said are entities that the effects used. Sources: PROV-DM (W3C Recommendation,
2013-04-30) and the PROV-JSON submission of the same day.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeAlias

from podium.facts.approvals import PERSON
from podium.provenance.explanation import Deed, Explanation, Part, Word

Document: TypeAlias = dict[str, dict[str, Any]]

NAMESPACE = "https://podium.dev/ns/prov#"


def document(explanation: Explanation) -> Document:
    """The PROV-JSON document of an explanation, and of the runs that it rests on."""
    writer = _Writer()
    writer.explain(explanation, "run")
    return writer.made


class _Writer:
    """Makes one document."""

    def __init__(self) -> None:
        self.made: Document = {
            "prefix": {
                "podium": NAMESPACE, "agent": "urn:podium:agent:", "principal": "urn:podium:principal:",
                "workflow": "urn:podium:workflow:",
            }
        }  # fmt: skip
        self._relations = 0

    def explain(self, one: Explanation, prefix: str) -> None:
        """Add what an explanation tells; `prefix` stands for its run."""
        self.made["prefix"][prefix] = f"urn:podium:run:{one.run_id}:"
        run, plan = f"{prefix}:run", f"workflow:{_local(one.workflow)}"
        self._add("entity", plan, {"prov:type": _name("prov:Plan"), "podium:digest": one.digest})
        self._activity(run, one.started_at, one.ended_at, "podium:Run", {
            "podium:status": one.status, "podium:cost_nano": one.run_cost_nano,
        })  # fmt: skip
        self._entity(f"{prefix}:input", one.input, "podium:Input")
        self._relate("used", {"prov:activity": run, "prov:entity": f"{prefix}:input"})
        if one.principal:
            starter = self._principal(one.principal)
            self._relate(
                "wasAssociatedWith", {"prov:activity": run, "prov:agent": starter, "prov:plan": plan}
            )
        if one.subject in ("output", "task"):
            whole = f"{prefix}:{_local(one.task.strip('/') or 'output')}"
            self._entity(whole, one.value, "podium:Output", {"podium:path": one.path} if one.path else {})
            self._relate("wasGeneratedBy", {"prov:entity": whole, "prov:activity": run})
            self._derived(whole, one.parts, prefix, run)
        for deed in one.deeds:
            self._deed(deed, prefix, run)
        for number, inner in enumerate(one.runs.values(), 1):
            self.explain(inner, f"{prefix}-{number}")

    # --- effects -------------------------------------------------------------------------------------

    def _deed(self, deed: Deed, prefix: str, run: str) -> None:
        activity = f"{prefix}:effect-{deed.effect}"
        self._activity(activity, deed.asked_at, deed.ended_at, f"podium:{deed.kind.capitalize()}Call", {
            "podium:task": deed.task, "podium:capability": deed.capability, "podium:status": deed.status,
            "podium:attempts": deed.attempts, "podium:cost_nano": deed.cost_nano, "podium:role": deed.role,
            "podium:reason": deed.reason,
        })  # fmt: skip
        self._relate("wasStartedBy", {"prov:activity": activity, "prov:starter": run})
        given = f"{activity}-input"
        self._entity(given, deed.input, "podium:Input")
        self._derived(given, deed.inputs, prefix, "")
        self._relate("used", {
            "prov:activity": activity, "prov:entity": given, **_time("prov:time", deed.asked_at),
        })  # fmt: skip
        performer = self._performer(deed)
        if performer:
            self._relate("wasAssociatedWith", {"prov:activity": activity, "prov:agent": performer})
        if deed.status == "succeeded":
            output = f"{activity}-output"
            self._entity(output, deed.output, "podium:Output")
            self._relate("wasGeneratedBy", {
                "prov:entity": output, "prov:activity": activity, **_time("prov:time", deed.ended_at),
            })  # fmt: skip
            self._relate("wasDerivedFrom", {
                "prov:generatedEntity": output, "prov:usedEntity": given, "prov:activity": activity,
            })  # fmt: skip
        for word in deed.words:
            self._word(word, activity, prefix)

    def _performer(self, deed: Deed) -> str:
        answered = next((word for word in deed.words if word.kind == "answer"), None)
        if deed.kind == "human":
            return self._principal(answered.principal) if answered is not None else ""
        if not deed.agent:
            return ""
        name = f"agent:{_local(deed.agent)}"
        self._add("agent", name, {
            "prov:type": _name("prov:SoftwareAgent"), "prov:label": deed.agent, "podium:digest": deed.digest,
            "podium:description": deed.description,
        })  # fmt: skip
        return name

    def _word(self, word: Word, activity: str, prefix: str) -> None:
        """What policy or a person said is an entity that the effect used."""
        name = f"{prefix}:record-{word.seq}-{word.kind}"
        kind = "podium:PolicyDecision" if word.kind == "policy" else "podium:Decision"
        self._add("entity", name, {
            "prov:type": _name(kind), "podium:kind": word.kind, "podium:verdict": word.verdict,
            "podium:rules": ", ".join(word.rules), "podium:policy": word.policy, "podium:why": word.why,
            "podium:message": word.message, "podium:via": word.via,
        })  # fmt: skip
        self._relate("used", {
            "prov:activity": activity, "prov:entity": name, **_time("prov:time", word.at),
        })  # fmt: skip
        if word.principal:
            who = self._principal(word.principal)
            self._relate("wasAttributedTo", {"prov:entity": name, "prov:agent": who})

    def _derived(self, entity: str, parts: tuple[Part, ...], prefix: str, activity: str) -> None:
        """Say what an entity was made of, place by place."""
        for part in parts:
            for source in part.sources:
                match source.kind:
                    case "effect":
                        used = f"{prefix}:effect-{source.effect}-output"
                    case "input":
                        used = f"{prefix}:input"
                    case "asker":
                        used = f"{prefix}:effect-{source.effect}-input"
                    case kind:
                        used = f"{prefix}:record-{source.seq}-{kind}"
                        self._add("entity", used, {
                            "prov:type": _name(f"podium:{kind.capitalize()}"), "podium:text": source.text,
                            "podium:who": source.who,
                        })  # fmt: skip
                relation = {
                    "prov:generatedEntity": entity, "prov:usedEntity": used, "podium:how": source.how,
                    "podium:at": part.path, "podium:from": source.path,
                    "podium:by": "; ".join(step.text for step in part.steps),
                }  # fmt: skip
                self._relate(
                    "wasDerivedFrom", {**relation, **({"prov:activity": activity} if activity else {})}
                )

    # --- elements ------------------------------------------------------------------------------------

    def _principal(self, principal: str) -> str:
        name = f"principal:{_local(principal)}"
        kind = "prov:Person" if principal.startswith(PERSON) else "prov:Agent"
        self._add("agent", name, {"prov:type": _name(kind), "prov:label": principal})
        return name

    def _entity(self, name: str, value: Any, kind: str, more: dict[str, Any] | None = None) -> None:
        text = json.dumps(value, ensure_ascii=False)
        self._add("entity", name, {"prov:type": _name(kind), "prov:value": text, **(more or {})})

    def _activity(self, name: str, start: int, end: int, kind: str, more: dict[str, Any]) -> None:
        times = {**_time("prov:startTime", start), **_time("prov:endTime", end)}
        self._add("activity", name, {**times, "prov:type": _name(kind), **more})

    def _add(self, section: str, name: str, attributes: dict[str, Any]) -> None:
        self.made.setdefault(section, {}).setdefault(name, _said(attributes))

    def _relate(self, relation: str, attributes: dict[str, Any]) -> None:
        self._relations += 1
        self.made.setdefault(relation, {})[f"_:{self._relations}"] = _said(attributes)


def _said(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes that say something."""
    return {name: value for name, value in attributes.items() if value != ""}


def _name(qualified: str) -> dict[str, str]:
    return {"$": qualified, "type": "prov:QUALIFIED_NAME"}


def _time(name: str, at: int) -> dict[str, str]:
    return {name: datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")} if at else {}


def _local(text: str) -> str:
    """A text as the local part of a qualified name."""
    return "".join(one if one.isalnum() or one in "-._/@" else "_" for one in text)

"""Declarations: what is declared at one moment, and what its names mean then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from podium.facts.catalog import (
    VERSIONS,
    AgentVersion,
    Capability,
    Declared,
    ToolVersion,
    WorkflowVersion,
)
from podium.facts.values import JSON, Problem
from podium.planning.walking import Offer
from podium.workflow.compile import compile_workflow
from podium.workflow.program import CallAgent, CallTool, Program


class Entry(NamedTuple):
    """A version that a name can mean."""

    kind: str
    name: str
    version: str
    digest: str

    @property
    def label(self) -> str:
        return f"{self.kind}/{self.name}@{self.version}"


def names_of(entry: Entry) -> list[str]:
    """Every name that means an entry while it is the newest; the full ones with its version, for ever."""
    bare = entry.name.rpartition("/")[2]
    names = [entry.name, f"{entry.name}@{entry.version}"]
    return names if bare == entry.name else [bare, f"{bare}@{entry.version}", *names]


@dataclass(frozen=True)
class Declarations:
    """What is declared.

    Attributes:
        entries: those that names can mean, the one applied last at the end.
        versions: by kind and digest; also those that no name means any more.
    """

    entries: tuple[Entry, ...] = ()
    versions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names: dict[str, dict[str, Entry]] = {kind: {} for kind in VERSIONS}
        newest: dict[str, dict[str, Entry]] = {kind: {} for kind in VERSIONS}
        for entry in self.entries:
            names[entry.kind].update(dict.fromkeys(names_of(entry), entry))
            newest[entry.kind][entry.name] = entry
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_newest", newest)

    @property
    def agents(self) -> Mapping[str, AgentVersion]:
        return self.versions.get("Agent", {})

    @property
    def tools(self) -> Mapping[str, ToolVersion]:
        return self.versions.get("Tool", {})

    @property
    def workflows(self) -> Mapping[str, WorkflowVersion]:
        return self.versions.get("Workflow", {})

    def current(self, kind: str, name: str) -> Entry | None:
        """What a name means."""
        names: dict[str, dict[str, Entry]] = self._names  # type: ignore[attr-defined]
        return names[kind].get(name)

    def newest(self, kind: str) -> Mapping[str, Entry]:
        """The newest version of each resource, by its full name."""
        newest: dict[str, dict[str, Entry]] = self._newest  # type: ignore[attr-defined]
        return newest[kind]

    def enforcing(self) -> list[str]:
        """The names of the policies that enforce."""
        policies = self.versions.get("Policy", {})
        newest = self.newest("Policy").values()
        return [entry.name for entry in newest if policies[entry.digest].mode == "enforce"]

    def after(self, declared: Iterable[Declared]) -> Declarations:
        """With these applied."""
        entries = {entry[:3]: entry for entry in self.entries}
        versions = {kind: dict(self.versions.get(kind, {})) for kind in VERSIONS}
        for one in declared:
            entries.pop((one.kind, one.name, one.version), None)
            entries[one.kind, one.name, one.version] = Entry(one.kind, one.name, one.version, one.digest)
            if one.digest not in versions[one.kind]:
                versions[one.kind][one.digest] = msgspec.convert(one.spec, VERSIONS[one.kind])
        return Declarations(tuple(entries.values()), versions)

    def without(self, removed: Iterable[Entry]) -> Declarations:
        """With these deleted."""
        gone = set(removed)
        kept = tuple(entry for entry in self.entries if entry not in gone)
        return Declarations(kept, self.versions)

    def performers(self, call: CallAgent | CallTool) -> list[tuple[AgentVersion, Capability]]:
        """Who may be asked by a call, with what it is asked for. Tools are there as they are performed."""
        if isinstance(call, CallTool):
            entry = self.current("Tool", call.tool)
            tools = [self.tools[entry.digest].performer()] if entry is not None else []
            return [(tool, tool.capabilities[0]) for tool in tools]
        if call.agent:
            entry = self.current("Agent", call.agent)
            found = [self.agents[entry.digest]] if entry is not None else []
            return [
                (agent, capability)
                for agent in found
                for capability in (agent.capabilities if call.capability else agent.capabilities[:1])
                if capability.name == call.capability or not call.capability
            ]
        return [
            (agent, capability)
            for entry in self.newest("Agent").values()
            for agent in (self.agents[entry.digest],)
            for capability in agent.capabilities
            if capability.name == call.capability
            and all(agent.labels.get(name) == value for name, value in call.require.items())
        ]

    def offers(self, call: CallAgent | CallTool) -> list[Offer]:
        """The contracts of those who may be asked."""
        return [
            Offer(f"{agent.name}@{agent.version}", capability.name, capability.input, capability.output)
            for agent, capability in self.performers(call)
        ]

    def ends(self, workflow: str) -> tuple[JSON, JSON]:
        """The schemas of a workflow's input and output; None where it has none, or is not there."""
        entry = self.current("Workflow", workflow)
        return (None, None) if entry is None else ends_of(self.workflows[entry.digest])


def ends_of(workflow: WorkflowVersion) -> tuple[JSON, JSON]:
    """The schemas of what a workflow takes and gives; None where it has none."""
    return _schema(workflow.document.get("input")), _schema(workflow.document.get("output"))


def _schema(member: JSON) -> JSON:
    schema = member.get("schema") if isinstance(member, dict) else None
    return schema.get("document") if isinstance(schema, dict) else None


class Programs:
    """Compiled workflows, each made once."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Program | None, list[Problem]]] = {}

    def of(self, digest: str, workflow: WorkflowVersion) -> tuple[Program | None, list[Problem]]:
        """A workflow's program, or what is wrong with it."""
        if digest not in self._made:
            self._made[digest] = compile_workflow(workflow.document, digest)
        return self._made[digest]

    def keep(self, program: Program) -> None:
        """Use a program that was made elsewhere."""
        self._made[program.digest] = (program, [])

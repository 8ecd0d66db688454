"""The catalog: resources as they were declared, folded from the system shard's log.

The run shards look at it through a frozen view: it changes only between steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from podium.contracts.checking import compile_schema
from podium.facts.approvals import Terms
from podium.facts.catalog import (
    DELIVERIES,
    VERSIONS,
    WORKER,
    AgentVersion,
    Exclusive,
    Revision,
    SubscriptionVersion,
    ToolVersion,
    WorkflowVersion,
)
from podium.facts.events import Record, ResourceApplied, ResourceBody, ResourceDeleted
from podium.facts.identity import digest_of
from podium.facts.inputs import Apply, Delete
from podium.facts.policy import Decision
from podium.facts.values import JSON, Refused
from podium.kernel import declaring
from podium.kernel.declaring import Declaration, Runs
from podium.kernel.policies import in_force, tier_of
from podium.kernel.routing import NOBODY, Route, choose, choose_several
from podium.kernel.timetables import Timetable, timetables
from podium.planning.declarations import Declarations, Entry, Programs, names_of
from podium.planning.reviewing import deprecation
from podium.policy.deciding import PolicySet
from podium.workflow.planned import compile_plan
from podium.workflow.program import CallAgent, Expression, Program
from podium.workflow.related import arguments_of

HTTP_CONCURRENCY = 64
"""`call: http` effects that run at once in a shard."""

QUEUE_MAX = 100_000
"""So much may wait in line for an agent version, where nobody says it."""

PLANS_MAX = 256
"""So many plans of agents are kept compiled."""

Check = Callable[[JSON], list[Any]]


class Catalog:
    """Every version ever applied, by digest, and which of them a name means now.

    Attributes:
        seq: last record of the system shard folded.
        revision: number of changes.
        digest: digest over all changes, in order.
        versions: everything ever applied, by kind and digest.
        agents: whoever performs effects, by digest: agents, and tools as they are performed.
        history: what became of each resource, by kind and name, oldest first.
        draining: no attempt may start any more: the hub stops, and its successor starts what is queued.
        allowed: what `run` may run beside workflows; a setting of the hub.
        digest_key: what digests of actions are keyed with; the hub's own.
        exclusives: what agent versions say of attempts at work on the same, by digest.
        policies: those in force; None where none is declared, and the built-in one holds.
        queue_max: so much may wait in line for an agent version; runs that need it are then turned away.
        fleet: what live workers take at once of each version that they host, by digest; 0 where none does.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.revision = 0
        self.digest = ""
        self.draining = False
        self.allowed: frozenset[str] = frozenset()
        self.digest_key = b""
        self.policies: PolicySet | None = None
        self.exclusives: dict[str, Exclusive] = {}
        self.fleet: dict[str, int] = {}
        self.queue_max = QUEUE_MAX
        self.usual: dict[str, Decision] = {}
        """What is decided where no policy is declared."""
        self.versions: dict[str, dict[str, Any]] = {kind: {} for kind in VERSIONS}
        self.agents: dict[str, AgentVersion] = {}
        self.history: dict[tuple[str, str], list[Revision]] = {}
        self._current: dict[str, str] = {}
        self._offers: dict[str, list[tuple[str, AgentVersion]]] = {}
        self._entries: dict[tuple[str, str, str], Entry] = {}
        self._deleted: set[str] = set()
        self._notices: dict[tuple[str, str], str] = {}
        """What is deprecated, by digest and capability."""
        self._programs = Programs()
        self._compiled: dict[str, Program] = {}
        self._planned: dict[str, Program] = {}
        self._schedules: Mapping[str, Timetable] | None = None
        self._related: dict[tuple[str, str], Expression | None] = {}
        self._contracts: dict[tuple[str, str], tuple[Check, Check]] = {}

    # --- folding -------------------------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        """Take a record of the system shard in; ones that declare nothing only move `seq`."""
        assert record.seq == self.seq + 1
        self.seq = record.seq
        event, body = record.event, record.body
        if not isinstance(event, ResourceApplied | ResourceDeleted):
            return
        self.revision = event.revision
        told = [self.digest, event.kind, event.name, event.digest]
        self._note(record, event)
        entry = Entry(event.kind, event.name, event.version, event.digest)
        self._entries.pop(entry[:3], None)
        if isinstance(event, ResourceDeleted):
            self.digest = digest_of([*told, "deleted"])
            self._deleted.add(event.digest)
            self._name_anew()
            self._govern(event.kind)
            return
        assert isinstance(body, ResourceBody)
        self.digest = digest_of(told)
        self._deleted.discard(event.digest)
        self._entries[entry[:3]] = entry
        version = msgspec.convert(body.spec, VERSIONS[event.kind])
        self.versions[event.kind][event.digest] = version
        if isinstance(version, AgentVersion):
            self.agents[event.digest] = version
            if version.exclusive is not None:
                self.exclusives[event.digest] = version.exclusive
        elif isinstance(version, ToolVersion):
            self.agents[event.digest] = version.performer()
        elif isinstance(version, SubscriptionVersion):
            self.versions["Workflow"][event.digest] = version.workflow
            self.versions["Tool"][event.digest] = tool = version.tool
            self.agents[event.digest] = tool.performer()
        if isinstance(version, AgentVersion | ToolVersion) and version.runtime.get("type") == WORKER:
            self.fleet.setdefault(event.digest, 0)
        self._name(entry)
        self._govern(event.kind)

    def _govern(self, kind: str) -> None:
        """Let the policies that are declared now hold."""
        if kind in ("Schedule", "Workflow"):
            self._schedules = None
        elif kind == "Policy":
            self.policies = in_force(self.listed("Policy"))

    def _note(self, record: Record, event: ResourceApplied | ResourceDeleted) -> None:
        revision = Revision(
            event.kind, event.name, event.version, event.digest, event.revision, record.at, event.principal,
            "deleted" if isinstance(event, ResourceDeleted) else "applied", event.forced,
            getattr(record.body, "why", ""),
        )  # fmt: skip
        self.history.setdefault((event.kind, event.name), []).append(revision)

    def _name_anew(self) -> None:
        """Let every name mean the newest that is left."""
        self._current.clear()
        self._offers.clear()
        for entry in self._entries.values():
            self._name(entry)

    def _name(self, entry: Entry) -> None:
        for name in names_of(entry):
            self._current[f"{entry.kind}/{name}"] = entry.digest
        if entry.kind == "Subscription":
            # Its runs find it; no list shows it, as what has no plain name is none.
            self._current[f"Tool/{DELIVERIES}.{entry.name}@{entry.version}"] = entry.digest
        if entry.kind == "Agent":
            agent = self.agents[entry.digest]
            for offers in self._offers.values():
                offers[:] = [offer for offer in offers if offer[1].name != agent.name]
            for capability in agent.capabilities:
                self._offers.setdefault(capability.name, []).append((entry.digest, agent))
                if notice := deprecation(agent, capability):
                    self._notices[entry.digest, capability.name] = notice

    # --- looking things up ---------------------------------------------------------------------------

    @property
    def workflows(self) -> dict[str, WorkflowVersion]:
        return self.versions["Workflow"]

    @property
    def tools(self) -> dict[str, ToolVersion]:
        return self.versions["Tool"]

    def current(self, kind: str, name: str) -> str:
        """The digest that a name means now; "" if nothing has it."""
        if kind == "Workflow" and name in self.workflows and name not in self._deleted:
            return name
        return self._current.get(f"{kind}/{name}", "")

    def listed(self, kind: str) -> Iterator[tuple[str, Any]]:
        """(digest, version) of what is current, by name."""
        found: dict[str, str] = {}
        for key, digest in self._current.items():
            if key.startswith(kind + "/") and "@" not in key:
                found.setdefault(digest, key)
        table = self.versions[kind]
        for digest in sorted(found, key=lambda of: found[of]):
            yield digest, table[digest]

    @property
    def schedules(self) -> Mapping[str, Timetable]:
        """The schedules that are declared, by name, those of workflows included."""
        if self._schedules is None:
            self._schedules = timetables(self.listed("Schedule"), self.listed("Workflow"))
        return self._schedules

    def program(self, digest: str) -> Program:
        """The compiled workflow. It was compiled once already when it was applied, so it compiles."""
        program = self._compiled.get(digest)
        if program is None:
            program, problems = self._programs.of(digest, self.workflows[digest])
            assert program is not None, f"the applied workflow {digest} no longer compiles: {problems}"
            self._compiled[digest] = program
        return program

    def planned(self, digest: str, document: dict[str, JSON]) -> Program:
        """The compiled document that an agent planned. It compiles: it did before it was recorded."""
        program = self._planned.get(digest)
        if program is None:
            program, problems = compile_plan(document, digest)
            assert program is not None, f"the recorded plan {digest} no longer compiles: {problems}"
            if len(self._planned) >= PLANS_MAX:
                self._planned.clear()
            self._planned[digest] = program
        return program

    def candidates(self, capability: str) -> Sequence[tuple[str, AgentVersion]]:
        """(digest, agent version) of those that offer a capability, the newest version of each agent."""
        return self._offers.get(capability, ())

    def route(
        self, call: CallAgent, load: Callable[[str], int], avoided: Mapping[str, str] = NOBODY
    ) -> Route | str:
        """Choose the agent for a call, best one that may be asked now; a text says why there is none."""
        if call.agent:
            digest = self._current.get(f"Agent/{call.agent}", "")
            candidates = [(digest, self.agents[digest])] if digest else []
            if not digest:
                return f"no agent is named {call.agent}"
            if call.capability and not _offers(self.agents[digest], call.capability):
                return f"{call.agent} does not offer {call.capability}"
        else:
            candidates = self._offers.get(call.capability, [])
        route = choose(call, candidates, load, avoided, self.fleet)
        return route if not self._notices or isinstance(route, str) else self._noticed(call, route)

    def routes(
        self, call: CallAgent, load: Callable[[str], int], count: int, avoided: Mapping[str, str] = NOBODY
    ) -> list[Route] | str:
        """Choose several agents for a call of a capability, all if `count` is 0; a text says why not."""
        offers = self._offers.get(call.capability, [])
        found = choose_several(call, offers, load, count, avoided, self.fleet)
        return found if isinstance(found, str) else [self._noticed(call, route) for route in found]

    def _noticed(self, call: CallAgent, route: Route) -> Route:
        """The same, with the notice that stands on what was chosen."""
        asked = call.capability or route.agent.capabilities[0].name
        notice = self._notices.get((route.digest, asked))
        if not notice:
            return route
        return Route(route.digest, route.agent, f"{route.reason}; {notice}", route.candidates)

    def noticed(self, digest: str, reason: str) -> str:
        """Why a tool is asked for, with the notice that stands on it."""
        notice = self.tools[digest].deprecated
        return f"{reason}; deprecated: {notice}" if notice else reason

    def related_arguments(self, digest: str, field: str) -> Expression | None:
        """What the tool that another names in a field gets of what it is told; None for just that."""
        key = (digest, field)
        if key not in self._related:
            other = getattr(self.tools[digest], field)
            self._related[key] = arguments_of(other)
        return self._related[key]

    def limit(self, digest: str) -> int:
        """How many attempts of an agent version may run at once."""
        if self.draining:
            return 0
        agent = self.agents.get(digest)
        if agent is None:
            return HTTP_CONCURRENCY
        taken = self.fleet.get(digest)
        return agent.concurrency if taken is None else min(agent.concurrency, taken)

    def unstaffed(self) -> set[str]:
        """What no live worker hosts of all that workers host, as `name@version`."""
        agents = (self.agents[digest] for digest, taken in self.fleet.items() if not taken)
        return {f"{agent.name}@{agent.version}" for agent in agents}

    def staff(self, capacity: Mapping[str, int]) -> None:
        """Take in what live workers take at once of what they host, by digest."""
        for digest in self.fleet:
            self.fleet[digest] = capacity.get(digest, 0)

    def contract(self, digest: str, capability: str) -> tuple[Check, Check]:
        """Checks for input and output of a capability of an agent version."""
        key = (digest, capability)
        checks = self._contracts.get(key)
        if checks is None:
            found = next(item for item in self.agents[digest].capabilities if item.name == capability)
            checks = (_check(found.input), _check(found.output))
            self._contracts[key] = checks
        return checks

    def terms(self, tier: str, now: int) -> Terms | None:
        """On what terms the people of a tier are asked from now on; None if there is no such tier."""
        return tier_of(self.policies, tier, now)

    # --- deciding ------------------------------------------------------------------------------------

    def declarations(self) -> Declarations:
        """What is declared, as of now; it stays so."""
        made = self.versions["Subscription"]
        versions = {
            kind: {digest: one for digest, one in table.items() if table is made or digest not in made}
            for kind, table in self.versions.items()
        }
        return Declarations(tuple(self._entries.values()), versions)

    def declare(self, told: Apply | Delete, runs: Runs) -> Declaration | Refused:
        """What applying or deleting resources changes: all of it, or nothing and the reasons."""
        before = self.declarations()
        if isinstance(told, Apply):
            if unsound := declaring.unsound(before, self._programs, told.resources, self.allowed):
                return unsound
            return declaring.apply(before, self._programs, self.revision, told, runs)
        return declaring.delete(before, self._programs, self.revision, told, runs)


def _check(schema: JSON) -> Check:
    return compile_schema(schema) if schema is not None else lambda _: []


def _offers(agent: AgentVersion, capability: str) -> bool:
    return any(offered.name == capability for offered in agent.capabilities)

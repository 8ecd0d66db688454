"""The catalog: agents and workflows as they were declared, folded from the system shard's log.

The run shards look at it through a frozen view: it changes only between steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from podium.contracts.checking import compile_schema
from podium.facts.catalog import AgentVersion, Declared, WorkflowVersion
from podium.facts.events import Record, ResourceApplied, ResourceBody
from podium.facts.identity import digest_of
from podium.facts.values import JSON, Problem, Refused
from podium.kernel.routing import Route, choose
from podium.workflow.compile import compile_workflow
from podium.workflow.processes import forbidden
from podium.workflow.program import CallAgent, Node, Program, RunWorkflow

HTTP_CONCURRENCY = 64
"""`call: http` effects that run at once in a shard."""

Check = Callable[[JSON], list[Any]]


class Catalog:
    """Every version ever applied, by digest, and which of them a name means now.

    Attributes:
        seq: last record of the system shard folded.
        revision: number of changes.
        digest: digest over all changes, in order.
        draining: no attempt may start any more: the hub stops, and its successor starts what is queued.
        allowed: what `run` may run beside workflows; a setting of the hub.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.revision = 0
        self.digest = ""
        self.draining = False
        self.allowed: frozenset[str] = frozenset()
        self.agents: dict[str, AgentVersion] = {}
        self.workflows: dict[str, WorkflowVersion] = {}
        self._current: dict[str, str] = {}
        self._offers: dict[str, list[tuple[str, AgentVersion]]] = {}
        self._programs: dict[str, Program] = {}
        self._contracts: dict[tuple[str, str], tuple[Check, Check]] = {}

    # --- folding -------------------------------------------------------------------------------------

    def fold(self, record: Record) -> None:
        """Take a record of the system shard in; ones that declare nothing only move `seq`."""
        assert record.seq == self.seq + 1
        self.seq = record.seq
        event, body = record.event, record.body
        if not isinstance(event, ResourceApplied):
            return
        assert isinstance(body, ResourceBody)
        self.revision = event.revision
        self.digest = digest_of([self.digest, event.kind, event.name, event.digest])
        if event.kind == "Agent":
            self._add_agent(event.digest, msgspec.convert(body.spec, AgentVersion))
        else:
            self._add_workflow(event.digest, msgspec.convert(body.spec, WorkflowVersion))

    def _add_agent(self, digest: str, agent: AgentVersion) -> None:
        self.agents[digest] = agent
        self._current[f"Agent/{agent.name}"] = digest
        self._current[f"Agent/{agent.name}@{agent.version}"] = digest
        for offers in self._offers.values():
            offers[:] = [offer for offer in offers if offer[1].name != agent.name]
        for capability in agent.capabilities:
            self._offers.setdefault(capability.name, []).append((digest, agent))

    def _add_workflow(self, digest: str, workflow: WorkflowVersion) -> None:
        self.workflows[digest] = workflow
        full = f"{workflow.namespace}/{workflow.name}"
        for name in (
            workflow.name,
            full,
            f"{workflow.name}@{workflow.version}",
            f"{full}@{workflow.version}",
        ):
            self._current[f"Workflow/{name}"] = digest

    # --- looking things up ---------------------------------------------------------------------------

    def current(self, kind: str, name: str) -> str:
        """The digest that a name means now; "" if nothing has it."""
        if kind == "Workflow" and name in self.workflows:
            return name
        return self._current.get(f"{kind}/{name}", "")

    def listed(self, kind: str) -> Iterator[tuple[str, AgentVersion | WorkflowVersion]]:
        """(digest, version) of what is current, by name."""
        found: dict[str, str] = {}
        for key, digest in self._current.items():
            if key.startswith(kind + "/") and "@" not in key:
                found.setdefault(digest, key)
        table: dict[str, Any] = self.agents if kind == "Agent" else self.workflows
        for digest in sorted(found, key=lambda of: found[of]):
            yield digest, table[digest]

    def program(self, digest: str) -> Program:
        """The compiled workflow. It was compiled once already when it was applied, so it compiles."""
        program = self._programs.get(digest)
        if program is None:
            program, problems = compile_workflow(self.workflows[digest].document, digest)
            assert program is not None, f"the applied workflow {digest} no longer compiles: {problems}"
            self._programs[digest] = program
        return program

    def route(self, call: CallAgent, load: Callable[[str], int]) -> Route | str:
        """Choose the agent for a call; a text says why there is none."""
        if call.agent:
            digest = self._current.get(f"Agent/{call.agent}", "")
            candidates = [(digest, self.agents[digest])] if digest else []
            if not digest:
                return f"no agent is named {call.agent}"
        else:
            candidates = self._offers.get(call.capability, [])
        return choose(call, candidates, load)

    def limit(self, digest: str) -> int:
        """How many attempts of an agent version may run at once."""
        if self.draining:
            return 0
        agent = self.agents.get(digest)
        return agent.concurrency if agent is not None else HTTP_CONCURRENCY

    def contract(self, digest: str, capability: str) -> tuple[Check, Check]:
        """Checks for input and output of a capability of an agent version."""
        key = (digest, capability)
        checks = self._contracts.get(key)
        if checks is None:
            found = next(item for item in self.agents[digest].capabilities if item.name == capability)
            checks = (_check(found.input), _check(found.output))
            self._contracts[key] = checks
        return checks

    # --- deciding ------------------------------------------------------------------------------------

    def decide(
        self, resources: Iterable[Declared], principal: str
    ) -> list[tuple[ResourceApplied, ResourceBody]] | Refused:
        """What applying these resources changes: all of it, or nothing and the reasons."""
        resources = tuple(resources)
        problems = [problem for declared in resources for problem in self._problems(declared, resources)]
        if problems:
            return Refused("refused", tuple(problems))
        changes = []
        revision = self.revision
        for declared in resources:
            if (
                self.current(declared.kind, f"{declared.name}@{declared.version}")
                == declared.digest
                == (self.current(declared.kind, declared.name))
            ):
                continue
            revision += 1
            event = ResourceApplied(
                kind=declared.kind, name=declared.name, version=declared.version, digest=declared.digest,
                revision=revision, principal=principal,
            )  # fmt: skip
            changes.append((event, ResourceBody(declared.spec)))
        return changes

    def _problems(self, declared: Declared, applied: tuple[Declared, ...]) -> list[Problem]:
        if declared.kind == "Agent":
            return []
        document = declared.spec["document"]
        program, problems = compile_workflow(document, declared.digest)
        if program is None or (problems := forbidden(program, self.allowed)):
            return list(problems)
        self._programs[declared.digest] = program
        return [problem for node in program.nodes for problem in self._missing(node, applied)]

    def _missing(self, node: Node, applied: tuple[Declared, ...]) -> Iterator[Problem]:
        """What a task needs and nobody has declared."""
        detail = node.detail
        if isinstance(detail, CallAgent) and not self._offered(detail, applied):
            message = f"no agent {_asked(detail)}; declare one"
            yield Problem("missing-agent", f"{node.reference}/with", message)
        elif isinstance(detail, RunWorkflow) and not self._declared("Workflow", detail.workflow, applied):
            message = f"no workflow is named {detail.workflow}; declare it"
            yield Problem("missing-workflow", f"{node.reference}/run/workflow", message)

    def _declared(self, kind: str, name: str, applied: tuple[Declared, ...]) -> bool:
        return bool(self._current.get(f"{kind}/{name}")) or any(
            item.kind == kind and name in (item.name, f"{item.name}@{item.version}") for item in applied
        )

    def _offered(self, call: CallAgent, applied: tuple[Declared, ...]) -> bool:
        if call.agent:
            return self._declared("Agent", call.agent, applied)
        return bool(self._offers.get(call.capability)) or any(
            capability["name"] == call.capability
            for item in applied
            if item.kind == "Agent"
            for capability in item.spec["capabilities"]
        )


def _asked(call: CallAgent) -> str:
    return f"is named {call.agent}" if call.agent else f"offers {call.capability}"


def _check(schema: JSON) -> Check:
    return compile_schema(schema) if schema is not None else lambda _: []

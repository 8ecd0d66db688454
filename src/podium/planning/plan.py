"""The plan: what applying and removing would change, and what it would break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from podium.facts.catalog import Declared
from podium.planning.declarations import Declarations, Entry, Programs
from podium.planning.differences import Difference, differences
from podium.planning.evolution import Evolution, evolution
from podium.planning.flow import flow_of
from podium.planning.policing import review_change, review_policy
from podium.planning.reviewing import Remark, calls_of, review, runs_of
from podium.planning.scheduling import review_schedule
from podium.planning.tooling import review_tool
from podium.workflow.program import CallAgent, CallTool, Program
from podium.workflow.related import related

Action: TypeAlias = Literal["add", "change", "remove", "none"]


class Change(msgspec.Struct, frozen=True):
    """What happens to one resource.

    Attributes:
        action: `add`, `change`, `remove`, or `none`.
        digest: of what will be there; "" for what goes.
        before_version, before_digest: of what its name means now; "" for what is new.
        differences: what is declared otherwise, place by place.
        contract: how what it takes and gives changed.
        runs: unfinished runs of a workflow, which keep the version they are pinned to.
    """

    action: Action
    kind: str
    name: str
    version: str
    digest: str = ""
    before_version: str = ""
    before_digest: str = ""
    differences: tuple[Difference, ...] = ()
    contract: tuple[Evolution, ...] = ()
    runs: int = 0


class Plan(msgspec.Struct, frozen=True):
    """What would be done, and what there is to know about it, worst first."""

    changes: tuple[Change, ...]
    remarks: tuple[Remark, ...]

    @property
    def differs(self) -> bool:
        """Whether anything would change."""
        return any(change.action != "none" for change in self.changes)

    @property
    def breaks(self) -> tuple[Remark, ...]:
        """Why it should not be done."""
        return tuple(remark for remark in self.remarks if remark.weight == "breaks")


def plan(
    before: Declarations, declared: Sequence[Declared], removed: Sequence[Entry] = (), *,
    runs: Mapping[str, int] | None = None, programs: Programs | None = None,
) -> Plan:  # fmt: skip
    """What a change does.

    Args:
        before: what is declared.
        declared: what is applied; each resource once.
        removed: what is deleted.
        runs: unfinished runs by the digest of their workflow.
        programs: what was compiled before.
    """
    return _Planner(before, tuple(declared), tuple(removed), runs or {}, programs or Programs()).plan()


def left_out(before: Declarations, declared: Iterable[Declared]) -> list[Entry]:
    """What is declared now and not among these: what pruning removes."""
    kept = {(one.kind, one.name) for one in declared}
    return [entry for entry in before.entries if (entry.kind, entry.name) not in kept]


class _Planner:
    """One plan in the making."""

    def __init__(
        self, before: Declarations, declared: tuple[Declared, ...], removed: tuple[Entry, ...],
        runs: Mapping[str, int], programs: Programs,
    ) -> None:  # fmt: skip
        self._before, self._declared, self._removed = before, declared, removed
        self._after = before.after(declared).without(removed)
        self._runs, self._programs = runs, programs
        self._evolved: dict[tuple[str, str], dict[str, Evolution]] = {}
        """Kind and name to capability to how its contract changed."""

    def plan(self) -> Plan:
        changes = [*map(self._applied, self._declared), *map(self._gone, self._removed)]
        if all(change.action == "none" for change in changes):
            return Plan(tuple(changes), ())
        for change in changes:
            self._evolved[change.kind, change.name] = {
                evolved.capability: evolved for evolved in change.contract
            }
        changed = {change.digest for change in changes if change.action in ("add", "change")}
        remarks = [
            *self._of_declared(changed), *self._of_removed(), *self._of_others(changed),
            *_of_versions(changes), *review_change(self._before, self._after),
        ]  # fmt: skip
        distinct = {(one.rule, one.resource, one.path, one.message): one for one in remarks}
        weights = ("breaks", "unknown", "warns")
        return Plan(
            tuple(changes), tuple(sorted(distinct.values(), key=lambda one: weights.index(one.weight)))
        )

    # --- what changes --------------------------------------------------------------------------------

    def _applied(self, one: Declared) -> Change:
        newest = self._before.newest(one.kind).get(one.name)
        same = self._before.current(one.kind, f"{one.name}@{one.version}")
        is_newest = self._after.newest(one.kind)[one.name].version == one.version
        if newest is None or (same is None and not is_newest):
            return Change("add", one.kind, one.name, one.version, one.digest)
        old = newest if is_newest else same
        assert old is not None
        change = Change(
            "none", one.kind, one.name, one.version, one.digest, before_version=old.version,
            before_digest=old.digest,
        )  # fmt: skip
        if (old.version, old.digest) == (one.version, one.digest):
            return change
        return msgspec.structs.replace(
            change,
            action="change",
            differences=differences(_content(self._before, old), _content(self._after, one)),
            contract=self._evolution(old, one),
            runs=self._runs_of(one.kind, one.name),
        )

    def _gone(self, entry: Entry) -> Change:
        left = self._after.newest(entry.kind).get(entry.name)
        was_newest = self._before.newest(entry.kind)[entry.name] == entry
        return Change(
            "remove", entry.kind, entry.name, entry.version, before_version=entry.version,
            before_digest=entry.digest, runs=self._pinned_to(entry),
            contract=self._evolution(entry, left) if left is not None and was_newest else (),
        )  # fmt: skip

    def _evolution(self, old: Entry, new: Declared | Entry) -> tuple[Evolution, ...]:
        before, after = self._before.versions[old.kind], self._after.versions[new.kind]
        return evolution(before[old.digest], after[new.digest])

    def _runs_of(self, kind: str, name: str) -> int:
        """Unfinished runs of any version of a workflow."""
        if kind != "Workflow":
            return 0
        workflows = self._before.workflows
        return sum(
            count
            for digest, count in self._runs.items()
            if digest in workflows and f"{workflows[digest].namespace}/{workflows[digest].name}" == name
        )

    def _pinned_to(self, entry: Entry) -> int:
        """Unfinished runs of an entry; where nothing is left of its name, of what it was before as well."""
        runs = self._runs.get(entry.digest, 0)
        is_last = self._before.newest(entry.kind)[entry.name] == entry
        if entry.kind == "Workflow" and is_last and entry.name not in self._after.newest(entry.kind):
            others = (one.digest for one in self._before.entries if one.name == entry.name)
            runs += self._runs_of(entry.kind, entry.name) - sum(self._runs.get(one, 0) for one in others)
        return runs

    # --- what is wrong -------------------------------------------------------------------------------

    def _of_declared(self, changed: set[str]) -> Iterator[Remark]:
        for one in self._declared:
            label = Entry(one.kind, one.name, one.version, one.digest).label
            if one.kind == "Tool" and one.digest in changed:
                yield from review_tool(self._after.tools[one.digest], label, self._after)
            if one.kind == "Policy" and one.digest in changed:
                yield from review_policy(self._after.versions["Policy"][one.digest], label, self._after)
            if one.kind == "Schedule" and one.digest in changed:
                yield from review_schedule(self._after.versions["Schedule"][one.digest], label, self._after)
            if one.kind != "Workflow" or one.digest not in changed:
                continue
            program, problems = self._programs.of(one.digest, self._after.workflows[one.digest])
            if program is None:
                yield from (Remark("breaks", p.rule, label, p.path, p.message) for p in problems)
            else:
                yield from review(program, label, self._after)

    def _of_removed(self) -> Iterator[Remark]:
        for entry in self._removed:
            runs = self._pinned_to(entry)
            if entry.kind == "Workflow" and runs:
                noun = "unfinished run is" if runs == 1 else "unfinished runs are"
                message = f"{runs} {noun} pinned to it; wait for them, or cancel them"
                yield Remark("breaks", "in-use", entry.label, "", message, runs=runs)

    def _of_others(self, changed: set[str]) -> Iterator[Remark]:
        """What changes for workflows that stay as they are, and for old versions that runs are pinned to."""
        staying = {
            entry.digest: entry.label
            for entry in self._after.newest("Workflow").values()
            if entry.digest not in changed
        }
        for digest in self._runs:
            if digest in self._before.workflows and digest not in staying:
                workflow = self._before.workflows[digest]
                staying[digest] = f"Workflow/{workflow.namespace}/{workflow.name}@{workflow.version}"
        for digest, label in staying.items():
            if digest in self._before.workflows:
                program, _ = self._programs.of(digest, self._before.workflows[digest])
                if program is not None and self._concerns(program):
                    yield from self._of_staying(program, label, self._runs.get(digest, 0))

        for entry in self._after.newest("Tool").values():
            if entry.digest not in changed:
                yield from self._of_staying_tool(entry)

    def _of_staying_tool(self, entry: Entry) -> Iterator[Remark]:
        """What changes for a tool that names others which do not stay as they are."""
        tool = self._after.tools[entry.digest]
        if any(
            self._before.current("Tool", other.tool) != self._after.current("Tool", other.tool)
            for _, other in related(tool)
        ):
            known = {_key(remark) for remark in review_tool(tool, entry.label, self._before)}
            found = review_tool(tool, entry.label, self._after)
            yield from (remark for remark in found if _key(remark) not in known)

    def _concerns(self, program: Program) -> bool:
        before, after = self._before, self._after
        return any(_who(before, call) != _who(after, call) for _, call in calls_of(program)) or any(
            before.current("Workflow", name) != after.current("Workflow", name)
            for _, name in runs_of(program)
        )

    def _of_staying(self, program: Program, label: str, runs: int) -> Iterator[Remark]:
        known = {_key(remark) for remark in review(program, label, self._before)}
        found = [remark for remark in review(program, label, self._after) if _key(remark) not in known]
        broken = {remark.path for remark in found if remark.weight == "breaks"}
        for remark in (*found, *self._of_contracts(program, label, broken)):
            yield msgspec.structs.replace(remark, runs=runs)

    def _of_contracts(self, program: Program, label: str, broken: set[str]) -> Iterator[Remark]:
        """Contracts that changed under a workflow in a way that it is not shown to bear."""
        flow = flow_of(program, self._after)
        unsure = {
            (one.task, one.offer.agent if one.offer is not None else "")
            for one in flow.handoffs
            if one.taken_by_others and flow.verdict(one).verdict != "fits"
        }
        for reference, message in (*self._of_calls(program, unsure), *self._of_runs(program, unsure)):
            if message and not any(path == reference or path.startswith(reference + "/") for path in broken):
                yield Remark("breaks", "contract", label, reference, message)

    def _of_calls(self, program: Program, unsure: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        for reference, call in calls_of(program):
            before = {agent.name: (agent, capability) for agent, capability in self._before.performers(call)}
            for agent, capability in self._after.performers(call):
                old, asked = before.get(agent.name, (agent, capability))
                if old == agent:
                    continue
                one, other = f"{old.name}@{old.version}", f"{agent.name}@{agent.version}"
                if asked.name != capability.name:
                    yield reference, f"{other} does {capability.name} where {one} did {asked.name}"
                kind = "Tool" if isinstance(call, CallTool) else "Agent"
                evolved = self._evolved.get((kind, agent.name), {}).get(asked.name)
                if evolved is not None:
                    is_unsure = (reference, other) in unsure
                    yield reference, _contract_message(f"{asked.name} of {other}", one, evolved, is_unsure)

    def _of_runs(self, program: Program, unsure: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        for reference, name in runs_of(program):
            old, new = self._before.current("Workflow", name), self._after.current("Workflow", name)
            if old is None or new is None or old == new:
                continue
            evolved = self._evolved.get(("Workflow", new.name), {}).get("")
            if evolved is not None:
                is_unsure = (reference, "") in unsure
                yield reference, _contract_message(new.label, old.label, evolved, is_unsure)


def _of_versions(changes: Iterable[Change]) -> Iterator[Remark]:
    """Versions that mean something else now, so that their number tells nobody which one he has."""
    for change in changes:
        if change.action == "change" and change.version == change.before_version:
            label = Entry(change.kind, change.name, change.version, change.digest).label
            message = f"{change.version} is declared otherwise than before; give it a new version"
            if change.differences:
                yield Remark("warns", "same-version", label, "", message)


def _who(declared: Declarations, call: CallAgent | CallTool) -> list[tuple[str, str]]:
    """Who performs a call, by contract."""
    return [(repr(agent), capability.name) for agent, capability in declared.performers(call)]


def _key(remark: Remark) -> tuple[str, str, str, str]:
    """What makes a remark the same before and after."""
    return remark.rule, remark.path, remark.at, remark.keyword


def _contract_message(new: str, old: str, evolved: Evolution, is_unsure: bool) -> str:
    """Why the new contract may not do where the old one did; "" if it does."""
    if evolved.widens:
        findings, words = evolved.output, f"{new} may give what {old} did not"
    elif evolved.narrows and is_unsure:
        findings, words = evolved.input, f"{new} does not take all that {old} took"
    else:
        return ""
    finding = next((one for one in findings if one.verdict == "breaks"), findings[0] if findings else None)
    if finding is None:
        return words
    where = f"at {finding.path}: " if finding.path else ""
    return f"{words}: {where}{finding.message}"


def _content(declared: Declarations, one: Entry | Declared) -> Any:
    """What is declared, as its author knows it."""
    if one.kind == "Workflow":
        return declared.workflows[one.digest].document
    return msgspec.json.decode(msgspec.json.encode(declared.versions[one.kind][one.digest]))

"""What keeps runs from going on: what each waits for, and who can let it go on."""

from __future__ import annotations

from podium.facts.identity import run_bytes
from podium.kernel.books import Books
from podium.kernel.catalog import Catalog
from podium.kernel.state import Run
from podium.kernel.step import program_of
from podium.runtime.inquiry import Inquiry
from podium.runtime.presenting import Shown, run_shown
from podium.runtime.shard import thaw
from podium.workflow.program import Listen

RUNS_MAX = 1_000
"""So many unfinished runs are looked at, those that wait for people first."""

_ORDER = (
    "human", "approval", "in_doubt", "dead_letter", "suspended", "queue", "claim", "deferred", "run", "event",
    "retry", "attempt", "timer", "nothing",
)  # fmt: skip
"""Who somebody must see to comes before what goes on by itself."""


_FOR_PEOPLE = frozenset(_ORDER[:4])


def stuck(about: Inquiry, run_id: str = "", limit: int = 100) -> list[Shown]:
    """What each unfinished run waits for, or one of them. Raises Declined.

    What people suspended comes first, with the `run_id` "". Each has `run_id`, `workflow`, `task`, `kind`,
    `since`, `waits` (for what, in words), `who` (can let it go on), `command` (by which; "" for none), and
    `until` (when it goes on by itself; 0 for never).
    """
    if run_id:
        found = _of_runs(about, [about.run_id(run_id)])
    else:
        found = [_of_suspension(one) for one in about.suspensions()]
        waiting = [one["id"] for one in about.get("runs", status="waiting", limit=RUNS_MAX)]
        found += _of_runs(about, waiting)
        if sum(one["kind"] in _FOR_PEOPLE for one in found) < limit:
            others = [
                one["id"] for one in about.get("runs", status="unfinished", nested=True, limit=RUNS_MAX)
            ]
            found += _of_runs(about, sorted(set(others) - set(waiting)))
    found.sort(key=lambda one: (_ORDER.index(one["kind"]), one["since"]))
    return found[:limit]


def _of_suspension(one: Shown) -> Shown:
    told = _told("suspended", "", one["at"], f"to be resumed: {one['told']}", "an operator", one["command"])
    return {"run_id": "", "workflow": "", **told}


def _of_runs(about: Inquiry, ids: list[str]) -> list[Shown]:
    sight = about.sight

    def looked_at(runs: dict[str, Run], catalog: Catalog) -> list[tuple[Shown, dict[str, str]]]:
        return [(run_shown(run), _listened(catalog, run)) for run in runs.values()]

    def hot(runs: dict[str, Run], catalog: Catalog) -> list[tuple[Shown, dict[str, str]]]:
        return looked_at({id: runs[id] for id in ids if id in runs}, catalog)

    found = sight.look(hot)
    known = {run["id"] for run, _ in found}
    with sight.readers.lend() as reader:
        rows = reader.cold(sight.shard, [run_bytes(id) for id in ids if id not in known])
    cold = {run.id: run for run in (thaw(row, sight.sealing) for row in rows)}
    found += sight.look(lambda _, catalog: looked_at(cold, catalog))
    about.with_why([run for run, _ in found])
    return [line for run, events in found for line in _of_run(about, run, events)]


def _of_run(about: Inquiry, run: Shown, events: dict[str, str]) -> list[Shown]:
    if run["ended_at"]:
        return []
    head = {"run_id": run["id"], "workflow": run["workflow"]}
    short = run["id"][:8]
    if run["status"] == "suspended":
        told = _told(
            "suspended", "", run["started_at"], "to be resumed", "an operator", f"podium resume {short}"
        )
        return [{**head, **told}]
    if run["status"] == "queued":
        return [{**head, **_of_claim(about, run)}]
    rows = [_of_wait(run, one, events) for one in run["waiting_for"]]
    if not rows:
        rows = [
            _told("nothing", "", run["started_at"], "nothing that is known; it goes on", "nobody needs to")
        ]
    return [{**head, **row} for row in rows]


def _told(kind: str, task: str, since: int, waits: str, who: str, command: str = "", until: int = 0) -> Shown:
    return {
        "kind": kind, "task": task, "since": since, "waits": waits, "who": who, "command": command,
        "until": until,
    }  # fmt: skip


def _of_wait(run: Shown, one: Shown, events: dict[str, str]) -> Shown:
    kind, short, effect = one["kind"], run["id"][:8], one.get("effect", 0)
    agent, until = one.get("agent", ""), one.get("until", 0)
    waits, who, command = kind, "nobody needs to", ""
    match kind:
        case "human":
            decisions = "|".join(map(str, one["decisions"])) or "approve"
            waits, who = f"an answer: {one['title']}", "whoever the task asks"
            command = f"podium answer {short} --task {effect} --decision {decisions}"
        case "approval":
            roles = ", ".join(one["roles"])
            waits = f"people to allow {agent} ({', '.join(one['rules'])}) {one['message']}".strip()
            who = f"people with the role {roles}" if roles else "people who may approve"
            command = f"podium approve|deny {short}/{effect} --reason …"
        case "deferred":
            waits = f"policy to let it begin ({', '.join(one['rules'])}) {one['message']}".strip()
            who = "nobody needs to" if until else "whoever raises the limit, or ends what holds it"
            command = "" if until else "podium get budgets"
        case "in_doubt":
            waits, who = f"somebody to say what became of {agent}", "an operator who finds out"
            command = f"podium resolve {short} --effect {effect} --verdict succeeded|failed|retry"
        case "dead_letter":
            waits, who = f"an operator: {agent} failed for good: {one['message']}", "an operator"
            command = f"podium dlq retry|drop {short} --effect {effect} --why …"
        case "queue":
            waits, who, command = _of_queue(one)
        case "run":
            waits, who = f"run {one['run'][:8]} of {one['workflow']}", "whoever that one waits for"
            command = f"podium explain --stuck {one['run'][:8]}"
        case "event":
            kinds = events.get(one["task"], "")
            waits, who = f"an event{f' of the type {kinds}' if kinds else ''}", "whoever sends it"
            command = f"podium send {short} --type {kinds.partition(' or ')[0] or 'TYPE'}"
        case "retry":
            waits = f"the pause before the next attempt{f' at {agent}' if agent else ''}"
            waits += f"; {one['message']}" if one.get("message") else ""
            if one.get("command"):
                waits, who, command = _of_queue(one)
        case "attempt":
            waits = f"{agent}, which is at work (attempt {one['attempt']})"
        case "timer":
            waits = "time"
    return _told(kind, one["task"], one.get("since", 0), waits, who, command, until)


def _of_queue(one: Shown) -> tuple[str, str, str]:
    """Why nobody begins what waits in line."""
    agent, message = one["agent"], one.get("message", "")
    if one.get("command"):
        return f"to be resumed: {message}", "an operator", one["command"]
    if not message:
        return f"a free slot of {agent}", "whoever raises its concurrency; else nobody needs to", ""
    if one.get("until"):
        command = f"podium breaker reset {agent.partition('@')[0]} --why …"
        return (
            f"{agent}, whose breaker is open: {message}",
            "an operator; else it is tried again by itself",
            command,
        )
    return message, "whoever starts a worker that hosts it", "podium worker MODULE:AGENTS --hub URL"


def _of_claim(about: Inquiry, run: Shown) -> Shown:
    def holders(books: Books, _: Catalog) -> list[str]:
        claim = books.claims.get(books.claimed.get(run["id"], ""))
        return list(claim.holders) if claim is not None else []

    busy = about.sight.with_books(holders)
    named = ", ".join(one[:8] for one in busy[:5])
    command = f"podium explain --stuck {busy[0][:8]}" if busy else ""
    return _told(
        "claim", "", run["started_at"], f"run {named}, which is at work on the same",
        "whoever that one waits for", command,
    )  # fmt: skip


def _listened(catalog: Catalog, run: Run) -> dict[str, str]:
    """The types of events that the tasks of a run listen for, by task."""
    frames = [(frame.node, frame.task) for frame in run.frames.values() if frame.kind == "listen"]
    found = {}
    for node, task in frames:
        listen = program_of(catalog, run).nodes[node].detail
        if isinstance(listen, Listen):
            found[task] = " or ".join(sorted(listen.kinds or ()))
    return found

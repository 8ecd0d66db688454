"""Writes docs/reference/lifecycles.md from the code: `python docs/lifecycles.py`; a test holds it to that."""

from __future__ import annotations

from pathlib import Path

from podium.facts.lifecycles import BREAKER, EFFECT, RUN, TASK

PAGE = Path(__file__).parent / "reference" / "lifecycles.md"

_HEAD = """# Lifecycles

What a run, a task and an effect may become, and by which [event](events.md). A pair of state and event
that is not here cannot happen: it would be a defect, and a hub that finds one of a run or an effect in its
log stops.

This page is made from `facts/lifecycles.py`.
"""

_ABOUT = {
    "Run": """One execution of a workflow. `podium get runs` shows its state, except that a run which only
waits is shown as [`waiting`](views.md).""",
    "Task": """One step of a run, each time that control comes to it: a task in a loop begins anew with every
turn. Tasks that take no time (`set`, `switch`, `raise`, and whatever `if` skips) have no other record than
that of their end.""",
    "Effect": """One action that leaves the hub: asking an agent or a person, a request over HTTP, an event;
or another run. It belongs to a task, and may take several attempts. If its task is torn down (a timeout, a
lost race, a cancelled run) the effect is gone, whatever its state; an answer that comes later is recorded as
`StaleReply` and changes nothing.""",
    "Breaker": """Of an agent version, or a tool, that [declares one](../guides/recovery.md): whether it is
asked at all. `podium get agents` shows its state.""",
}

_STATES = {
    "Run": {
        "queued": "as many runs as its workflow takes at once are at work on the same; it begins later",
        "running": "it goes on, or waits for agents, people, events or time",
        "suspended": "nothing more is started; what is in flight may still settle",
        "completed": "it ended well and has an output",
        "faulted": "an error ended it that no `try` caught",
        "cancelled": "a person ended it",
    },
    "Task": {
        "running": "it is under way, or something inside it is",
        "backoff": "a `try` pauses before its body runs again",
        "completed": "it ended well, or its `if` skipped it",
        "faulted": "an error came from it",
        "cancelled": "it was open when what is around it ended",
    },
    "Effect": {
        "queued": "it waits for a free slot of its agent",
        "running": "an attempt is in flight",
        "asking": "its attempt waits for what it asked for: a tool, another agent; it has no slot meanwhile",
        "parked": "its attempt waited long, and was stopped; another is made when what it asked for is there",
        "diverged": "it succeeded, and something is done about what its earlier attempts had done in vain",
        "backoff": "an attempt failed or was lost; the next one comes after a pause",
        "waiting": "a person has been asked",
        "checked": "policy let data pass; its task goes on in the same moment",
        "nested": "another run is under way in its place",
        "in_doubt": "an attempt that may be made only once was lost: nobody knows whether it was performed",
        "approval": "policy asks people first; it costs nothing but a row while it waits",
        "deferred": "policy lets it go ahead later: a window opens, a rate has room, a hold is released",
        "denied": "policy, or people, do not let it go ahead; its task fails",
        "resolved": "a person, or its probe, said what became of it",
        "dead": "it failed for good, and is kept until an operator tries it again or drops it",
        "settled": "it has its outcome",
        "undone": "it was settled well, and a `compensate` undid it",
    },
    "Breaker": {
        "closed": "it is asked as ever",
        "open": "it is not asked: what has nobody else to ask waits",
        "half_open": "a few attempts find out whether it works again",
    },
}

_WHEN = {
    "EffectRerouted": "it goes to another agent, that its task allows",
    "EffectDeadLettered": "its last attempt failed, and it is to be kept",
    "EffectRedriven": "`podium dlq retry`",
    "EffectProbed": "its probe does not know, or cannot be asked",
    "BreakerOpened": "too many attempts failed, or one that tried it again did",
    "BreakerHalfOpened": "it was open for as long as it says",
    "BreakerClosed": "the attempts that tried it succeeded",
    "BreakerReset": "`podium breaker reset`",
    "RunStarted": "it was submitted and accepted",
    "RunStarted/waits": "it was accepted, and others are at work on the same",
    "RunAdmitted": "one of those is over, and it is its turn",
    "RunSuspended": "`podium suspend`",
    "RunResumed": "`podium resume`",
    "RunCompleted": "its last task ended, or one with `then: end`",
    "RunFaulted": "an error that nobody caught; for the run also its own timeout",
    "RunCancelled": "`podium cancel`",
    "TaskStarted": "control came to it, and it lasts: a scope, a loop, a wait",
    "TaskCompleted": "it ended",
    "TaskFaulted": "an error or its timeout, and a `try` around it caught that",
    "TaskFaulted/retry": "it caught an error, and its policy allows another try",
    "ItemFailed": "an error, and the task around it goes on with other items",
    "UndoFailed": "an error while it undid something; a person is asked what to do",
    "TaskResumed": "the pause is over",
    "cancelled": "no event of its own: a branch won, an error went past it, the run ended",
    "EffectRequested": "control came to it, and no slot was free",
    "EffectRequested/started": "control came to it, and a slot was free",
    "EffectRequested/human": "control came to a `call: human`",
    "EffectRequested/workflow": "control came to a `run: workflow`",
    "EffectRequested/guard": "control came to a `call: policy`, and policy lets the data pass",
    "EffectRequested/approve": "policy asks people first",
    "EffectRequested/defer": "policy lets it go ahead later",
    "EffectRequested/deny": "policy denies it",
    "EffectDecided/allow": "it was decided again, and may go ahead",
    "EffectDecided/approve": "it was decided again, and people are asked first",
    "EffectDecided/defer": "it was decided again, and may go ahead later",
    "EffectDecided/deny": "it was decided again, and denied",
    "EffectDecided/human": "a question that was held back is asked",
    "EffectDecided/workflow": "a run that was held back begins",
    "EffectDecided/guard": "data that were held back may pass",
    "ApprovalDecided": "a person agreed, and more must",
    "ApprovalDecided/granted": "enough people agreed; it is decided again as it begins",
    "ApprovalDecided/denied": "a person is against it",
    "ApprovalDelegated": "`podium approval delegate`: another person may decide, too",
    "ApprovalEscalated": "nobody decided in time, and the next tier is asked",
    "ApprovalExpired": "nobody decided in time, and silence denies",
    "ActionEdited": "`podium approval edit`: it is another action now, decided afresh",
    "DecisionOverridden": "`podium override`, and it takes a second person",
    "DecisionOverridden/granted": "`podium override`: it goes ahead whatever policy says",
    "EffectRequested/asked": "its attempt asks for something",
    "AskRepeated/open": "its attempt asks for what an earlier one had asked for, and is not there yet",
    "EffectSettled/answered": "all that it asked for is there",
    "AttemptParked": "it has waited for as long as its agent declares",
    "ResultsUnclaimed/kept": "it succeeded without asking for what earlier attempts had done",
    "AttemptStarted": "a slot is free",
    "AttemptFailed": "it failed, or was lost with a hub, and may be made again",
    "EffectInDoubt": "its performer or the hub died, or its deadline passed",
    "EffectSettled": "its outcome is known",
    "EffectUndone": "what undoes it ended well, or a person said that it is done",
    "EffectResolved/retry": "`podium resolve --verdict retry`: it was not performed",
    "EffectResolved/succeeded": "`podium resolve --verdict succeeded`",
    "EffectResolved/failed": "`podium resolve --verdict failed`",
}
_WHEN_OF = {("Task", "EffectRequested"): "control came to a `call` of an agent, a person or an endpoint"}


def page() -> str:
    """The page, as Markdown."""
    tables = {"Run": RUN, "Task": TASK, "Effect": EFFECT, "Breaker": BREAKER}
    return _HEAD + "".join(_section(name, table) for name, table in tables.items())


def _section(name: str, table: dict[tuple[str, str], str]) -> str:
    ends = set(table.values()) - {state for state, _ in table}
    parts = [f"\n## {name}\n\n{_ABOUT[name]}\n\n```mermaid\nstateDiagram-v2\n"]
    for (state, event), following in table.items():
        parts.append(f"    {state or '[*]'} --> {following}: {event}\n")
    parts += [f"    {state} --> [*]\n" for state in _STATES[name] if state in ends]
    parts.append("```\n\n| state | meaning |\n|---|---|\n")
    parts += [f"| `{state}` | {meaning} |\n" for state, meaning in _STATES[name].items()]
    parts.append("\n| from | event | to | when |\n|---|---|---|---|\n")
    for (state, event), following in table.items():
        origin = f"`{state}`" if state else ""
        when = _WHEN_OF.get((name, event), _WHEN[event])
        parts.append(f"| {origin} | `{event}` | `{following}` | {when} |\n")
    return "".join(parts)


def states() -> dict[str, set[str]]:
    """The states that the page explains, by lifecycle."""
    return {name: set(meanings) for name, meanings in _STATES.items()}


if __name__ == "__main__":
    PAGE.write_text(page())

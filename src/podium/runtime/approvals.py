"""What waits for people, as they need to see it: what exactly, why, who may decide, and what follows."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podium.kernel.state import Effect, Run
from podium.runtime.inquiry import Inquiry
from podium.runtime.presenting import Shown


def listed(about: Inquiry, run_id: str) -> list[Shown]:
    """What waits for people, longest first: in one run, if one is named, else in all. Raises Declined."""
    if run_id:
        return about.of_run(about.run_id(run_id), lambda run: list(waiting(run)))
    found = [one for batch in about.all_waiting(lambda run: list(waiting(run))) for one in batch]
    found.sort(key=lambda one: (one["since"], one["id"]))
    return found


def waiting(run: Run) -> Iterator[Shown]:
    """What in a run waits for people."""
    for effect in run.effects.values():
        if effect.status in ("approval", "waiting"):
            yield shown(run, effect)


def shown(run: Run, effect: Effect) -> Shown:
    """One thing that waits for people.

    `kind` is `approval` for an action that policy holds back, and `human` for a question that a task asks;
    `action` is the digest that an answer must name, and `input` what would be done. `if_yes`, `if_no` and
    `if_silent` are sentences.
    """
    approval = effect.approval
    asks = effect.status == "waiting"
    given = effect.input if isinstance(effect.input, dict) else {}
    made: Shown = {
        "id": f"{run.id}/{effect.id}", "run_id": run.id, "effect": effect.id, "workflow": run.workflow,
        "task": effect.task, "kind": "human" if asks else "approval",
        "since": approval.asked_at if approval else effect.requested_at, "requester": run.principal,
        "does": effect.kind, "target": target_of(effect), "agent": effect.agent, "input": effect.input,
        "action": effect.action, "rules": list(effect.rules), "policy": effect.policy,
        "message": str(given.get("title", "")) if asks else effect.message,
        "attempts": effect.attempt, "labels": run.labels,
    }  # fmt: skip
    terms = approval.terms if approval else None
    made.update(
        tier=terms.tier if terms else "", roles=list(terms.roles) if terms else [],
        quorum=terms.quorum if terms else 1, not_requester=bool(terms and terms.others),
        deadline_at=terms.deadline_at if terms else 0,
        escalates_to=terms.silence if terms else "",
        votes=[msgspec.to_builtins(vote) for vote in approval.votes] if approval else [],
        delegates=dict(approval.delegates) if approval else {},
        decisions=list(given.get("decisions", ())) if asks else ["approve", "deny"],
        form=given.get("form") if asks else None,
    )  # fmt: skip
    made.update(_consequences(effect, made))
    return made


def held_back(about: Inquiry, run_id: str) -> list[Shown]:
    """What policy holds back or denied in a run: `status`, `rules`, and the `action` to be let through."""

    def look(run: Run) -> list[Shown]:
        held = [
            (one.id, one.task, one.action, one.rules, one.status)
            for one in run.effects.values()
            if one.status in ("approval", "deferred")
        ]
        held += [(one.effect, one.task, one.action, one.rules, "denied") for one in run.denials]
        return [
            {"run_id": run.id, "effect": effect, "task": task, "action": action, "rules": list(rules),
             "status": status}
            for effect, task, action, rules, status in held
        ]  # fmt: skip

    return about.of_run(about.run_id(run_id), look)


def target_of(effect: Effect) -> str:
    """What an effect uses, in a word or two."""
    given = effect.input if isinstance(effect.input, dict) else {}
    match effect.kind:
        case "http":
            endpoint = given.get("endpoint", "")
            uri = endpoint.get("uri", "") if isinstance(endpoint, dict) else endpoint
            return f"{given.get('method', '')} {uri}".strip()
        case "openapi":
            return str(given.get("operation", ""))
        case "process":
            return f"{given.get('what', '')} ({given.get('language', '')})"
        case "emit":
            return str(given.get("type", ""))
        case "human":
            return str(given.get("title", ""))
        case "guard":
            return str(given.get("check", ""))
        case _:
            return effect.capability or effect.agent


def _consequences(effect: Effect, made: Shown) -> Shown:
    if effect.status == "waiting":
        return {
            "if_yes": f"the task {effect.task} gives the answer to the workflow",
            "if_no": f"the task {effect.task} gives `deny` to the workflow",
            "if_silent": _silence(made, "the task goes on waiting, as long as it may"),
        }
    if effect.kind == "guard":
        return {
            "if_yes": f"the task {effect.task} lets these data pass, if policy still lets it then",
            "if_no": f"they go no further; the task {effect.task} fails with an authorization error (403)",
            "if_silent": _silence(made, "it goes on waiting, as long as its task may"),
        }
    return {
        "if_yes": "it is done once, exactly as shown, if policy still lets it then",
        "if_no": f"it is not done; the task {effect.task} fails with an authorization error (403)",
        "if_silent": _silence(made, "it goes on waiting, as long as its task may"),
    }


def _silence(made: Shown, without: str) -> str:
    if not made["deadline_at"]:
        return without
    return f"tier {made['escalates_to']} is asked" if made["escalates_to"] else "it counts as a no"

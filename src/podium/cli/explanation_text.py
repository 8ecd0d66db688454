"""An explanation as text, for people who do not program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from podium.cli.output import moment, money, short, span
from podium.cli.progress import name_of
from podium.facts.sharing import NORMAL, TENANT
from podium.provenance.explanation import Deed, Explanation, Part, Source, Way, Word

_SHORT = 100
_LINES_MAX = 20
_PARTS_MAX = 12
_STEPS_MAX = 3
_DEEDS_MAX = 40


def lines(explanation: Explanation, depth: int = 0) -> Iterator[str]:
    """The lines of an explanation; of runs that it rests on, further in."""
    pad = "    " * depth
    for line in _lines(explanation):
        yield f"{pad}{line}".rstrip()
    for one in explanation.runs.values():
        yield ""
        yield from lines(one, depth + 1)


def _lines(explanation: Explanation) -> Iterator[str]:
    yield from _head(explanation)
    if explanation.subject in ("output", "task"):
        yield from ("", *_made_of("It is made of", explanation.parts, explanation.value))
    if explanation.ways:
        yield from ("", "Why it went this way")
        for way in explanation.ways:
            yield from _way(way)
    rested = [deed for deed in explanation.deeds if deed.role != "other"]
    others = [deed for deed in explanation.deeds if deed.role == "other"]
    if rested:
        yield from ("", "What it rests on")
        yield from _deeds(rested)
    if others:
        title = "What the run did beside that" if rested else "What the run did"
        yield from ("", title)
        yield from _deeds(others)
    yield from ("", _cost(explanation, rested))
    if not explanation.complete:
        yield "Some of what it rests on was erased or is gone; this is what is left."


# --- what is explained ----------------------------------------------------------------------------------


def _head(explanation: Explanation) -> Iterator[str]:
    one = explanation
    run = f"run {short(one.run_id)} of {one.workflow}"
    name = name_of(one.task) if one.task else ""
    match one.subject:
        case "output":
            place = f"{one.path} of the output" if one.path else "The output"
            yield f"{place} of {run} is {_value(one.value)}"
        case "task":
            place = f"{one.path} of what {name} gave" if one.path else f"What {name} gave"
            yield f"{place} in {run} is {_value(one.value)}"
        case "effect":
            yield f"Effect {one.effect}, which {name} asked for in {run}"
        case "error":
            error: Any = one.value or {}
            yield f"R{run[1:]} failed at {name or one.task}: {error.get('title', 'why was erased')}"
            if error.get("detail"):
                yield f"  {_cut(str(error['detail']))}"
        case _:
            yield f"R{run[1:]} is {one.status}"
    by = f" by {one.principal}" if one.principal else ""
    ended = f" and {one.status} after {span(one.ended_at - one.started_at)}" if one.ended_at else ""
    yield f"  The run was started {moment(one.started_at)}{by}{ended}."
    if one.parent:
        yield f"  Run {short(one.parent)} started it with its effect {one.parent_effect}."
    if one.tenant or one.priority != NORMAL:
        yield f"  It is of the tenant {one.tenant or TENANT}, with priority {one.priority}."
    yield f"  It was given {_value(one.input)}"


def _made_of(title: str, parts: tuple[Part, ...], value: Any) -> Iterator[str]:
    yield title
    width = max((len(part.path) for part in parts), default=0)
    for part in parts[:_PARTS_MAX]:
        name = (part.path or "all of it").ljust(width)
        yield f"  {name}  {_from(part.sources)}"
        steps = [step for step in part.steps if step.text not in ("", ".")]
        for step in steps[-_STEPS_MAX:]:
            how = "" if step.exact else "  (all that this looks at counts)"
            yield f"  {' ' * width}    by {step.part} of {name_of(step.task)}: {_cut(step.text)}{how}"
    if len(parts) > _PARTS_MAX:
        yield f"  … and {len(parts) - _PARTS_MAX} more; `-o json` has all"


def _from(sources: tuple[Source, ...]) -> str:
    """Where a value comes from, in words."""
    values = [source for source in sources if source.how == "value"]
    choices = [source for source in sources if source.how == "choice"]
    said = ", ".join(_grouped(values)) or "what the workflow says"
    return f"{said}; depending on {', '.join(_grouped(choices))}" if choices else said


def _grouped(sources: Iterable[Source]) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for source in sources:
        places.setdefault(_giver(source), []).append(source.path)
    for giver, paths in places.items():
        named = [path for path in paths if path]
        if not named or "" in paths:
            yield giver
            continue
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        yield f"{giver} ({', '.join(named[:3])}{more})"


def _giver(source: Source) -> str:
    match source.kind:
        case "effect":
            return f"{source.effect} {name_of(source.task)}"
        case "asker":
            return f"what {source.effect} {name_of(source.task)} chose to ask"
        case "input":
            return "the run's input"
        case "event":
            return f"the event {source.text} from {source.who or 'somebody'}"
        case "error":
            return f"the error of {name_of(source.task)}: {source.text}"
        case "person":
            return f"what {source.who} made of it"
        case "secret":
            return f"the secret {source.path[1:]}"
        case _:
            return source.kind


def _way(way: Way) -> Iterator[str]:
    yield f"  {name_of(way.task)}: {way.way}"
    if way.because:
        looked = f", looking at {', '.join(_grouped(way.sources))}" if way.sources else ""
        yield f"      by {_cut(way.because)}{looked}"


# --- effects --------------------------------------------------------------------------------------------


def _deeds(deeds: list[Deed]) -> Iterator[str]:
    for deed in deeds[:_DEEDS_MAX]:
        yield from _deed(deed)
    if len(deeds) > _DEEDS_MAX:
        yield f"  … and {len(deeds) - _DEEDS_MAX} more; `-o json` has all"


def _deed(deed: Deed) -> Iterator[str]:
    yield f"  {deed.effect} {name_of(deed.task)}: {_who(deed)}"
    if deed.description:
        yield f"      {_cut(deed.description)}"
    if deed.role == "choice":
        yield "      It gave nothing to the value itself, but decided what was done."
    if deed.asker:
        yield f"      Effect {deed.asker} asked for it."
    if deed.reason and deed.kind == "agent" and not deed.asker:
        yield f"      chosen: {deed.reason}"
    yield f"      given {_value(deed.input)}"
    if any(part.sources for part in deed.inputs):
        for part in deed.inputs[:_PARTS_MAX]:
            yield f"        {part.path or 'all of it'} from {_from(part.sources)}"
        if len(deed.inputs) > _PARTS_MAX:
            yield f"        … and {len(deed.inputs) - _PARTS_MAX} more"
    for word in deed.words:
        yield from (f"      {line}" for line in _word(word))
    if deed.run:
        yield f"      run {short(deed.run)} did it"
    for failure in deed.failures:
        yield f"      failed: {_cut(failure)}"
    for line in deed.logged[-_LINES_MAX:]:
        yield f"      logged: {_cut(line)}"
    if deed.status == "succeeded":
        yield f"      gave {_value(deed.output)}"
    yield f"      {_figures(deed)}"
    if deed.undone:
        yield "      It was undone later."


def _who(deed: Deed) -> str:
    answered = next((word for word in deed.words if word.kind == "answer"), None)
    match deed.kind:
        case "human":
            if answered is not None:
                return f"{answered.principal} answered {answered.verdict}"
            return "a person was asked"
        case "agent":
            return f"the agent {deed.agent} was asked for {deed.capability}"
        case "tool":
            return f"the tool {deed.agent} was called"
        case "workflow":
            return f"the workflow {deed.agent} was run"
        case "guard":
            return f"policy was asked about data: the check {deed.reason}"
        case "emit":
            return f"the event {deed.reason} was emitted"
        case "process":
            return f"{deed.reason} was run"
        case _:
            return f"{deed.reason} was called"


def _word(word: Word) -> Iterator[str]:
    because = f", because: {_cut(word.why)}" if word.why else ""
    via = f" ({word.via})" if word.via else ""
    match word.kind:
        case "policy":
            yield from _ruled(word)
        case "turn":
            yield f"its turn: {_cut(word.why)}"
        case "vote":
            roles = f" as {', '.join(word.roles)}" if word.roles else ""
            said = "approved it" if word.verdict == "approve" else "denied it"
            yield f"{word.principal}{roles}{via} {said} at {moment(word.at)}{because}"
        case "delegated":
            yield f"{word.principal}{via} let {word.to} decide{because}"
        case "escalated":
            yield f"nobody decided in time; tier {word.tier} was asked"
        case "expired":
            yield "nobody decided in time, which denies it"
        case "edited":
            yield f"{word.principal}{via} made another action of it{because}"
        case "override":
            second = "" if word.outcome == "granted" else "; it takes a second person"
            yield f"OVERRIDDEN by {word.principal}{via} at {moment(word.at)}{because}{second}"
        case "answer":
            if word.why:
                yield f"because: {_cut(word.why)}"
        case "redriven":
            by = f" by {word.to}" if word.to else ""
            yield f"{word.principal} let it be tried again{by}{because}"
        case "resolved":
            yield f"{word.principal} said that it {_resolved(word.verdict)}{because}"


def _ruled(word: Word) -> Iterator[str]:
    verdicts = {
        "allow": "policy allowed it", "deny": "policy denied it", "defer": "policy put it off",
        "approve": f"policy asked people of tier {word.tier}" if word.tier else "policy asked people",
    }  # fmt: skip
    rules = f" by {', '.join(word.rules)}" if word.rules else ""
    message = f": {_cut(word.message)}" if word.message else ""
    yield f"{verdicts.get(word.verdict, word.verdict)}{rules}{message}"
    if word.why:
        yield f"its turn: {_cut(word.why)}"
    if word.reads:
        read = ", ".join(f"{name} = {_value(value)}" for name, value in word.reads.items())
        yield f"  having read {_cut(read)}"


def _resolved(verdict: str) -> str:
    return {"succeeded": "succeeded", "failed": "failed", "retry": "was not done"}.get(verdict, verdict)


def _figures(deed: Deed) -> str:
    parts = []
    if deed.ended_at:
        parts.append(f"took {span(deed.ended_at - deed.asked_at)}")
    if deed.attempts > 1:
        parts.append(f"{deed.attempts} attempts")
    parts.append(f"cost {money(deed.cost_nano) or 'nothing'}")
    if deed.status not in ("succeeded", "failed"):
        parts.insert(0, f"it is {deed.status.replace('_', ' ')}")
    return ", ".join(parts)


def _cost(explanation: Explanation, rested: list[Deed]) -> str:
    whole = money(explanation.run_cost_nano) or "nothing"
    if not rested:
        return f"The whole run cost {whole}."
    return f"What it rests on cost {money(explanation.cost_nano) or 'nothing'}; the whole run {whole}."


def _value(value: Any) -> str:
    if value == {"unknown": True}:
        return "what was erased or is not known"
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"

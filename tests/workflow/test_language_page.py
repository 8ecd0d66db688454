"""The page of the workflow language says what is so: its examples run, its tables are the code's."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from podium.facts.values import ERRORS, STATUS, Error
from podium.kernel import bounds
from podium.kernel.listening import LISTENED_MAX
from podium.kernel.nesting import FAMILY_MAX, NESTING_MAX
from podium.kernel.state import EVENTS_BUFFERED_MAX
from podium.kernel.tasks import TURNS_MAX
from podium.resources.durations import DURATION_MAX_MS, parse_duration
from podium.runtime import evaluator, jq_worker
from podium.workflow import compile as compiling
from podium.workflow import tasks
from podium.workflow.compile import compile_workflow
from podium.workflow.draft import TASK_ARGUMENTS
from podium.workflow.plan_terms import CallPlan
from podium.workflow.program import CallAgent, CallTool
from tests.kernel.conversation import Conversation, agent, reported
from tests.kernel.toolbox import tool
from tests.workflow.documents import HEADER
from tests.workflow.test_refusals import BAD, UNSUPPORTED

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reference" / "workflow-language.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
_NOTE = re.compile(
    r"^# (input|event|answer|output|error|takes|\S+(?: \S+)? (?:gives|fails)): (.*)$", re.MULTILINE
)


def _yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _declared(document: Any) -> Declared:
    header = document["document"]
    spec = {name: header[name] for name in ("namespace", "name", "version")} | {"document": document}
    name = f"{header['namespace']}/{header['name']}"
    return Declared("Workflow", name, header["version"], digest_of(spec), spec)


class Example:
    """An example and the notes at its end: what it is given, and what it makes of that."""

    def __init__(self, text: str) -> None:
        *self.below, value = YAML(typ="safe", pure=True).load_all(text)
        self.document = value if isinstance(value, dict) else {"document": dict(HEADER), "do": value}
        notes = [(name, _yaml(said)) for name, said in _NOTE.findall(text)]
        self.notes = dict(notes)
        self.events = [said for name, said in notes if name == "event"]
        self.answers = [said for name, said in notes if name == "answer"]

    def run(self) -> Conversation:
        program, problems = compile_workflow(self.document, "sha256:0")
        assert program is not None, problems
        calls = [node.detail for node in program.nodes if isinstance(node.detail, CallAgent)]
        agents = {
            call.capability: agent(call.capability, call.capability, labels=dict(call.require))
            for call in calls
        }
        plans = [node.detail for node in program.nodes if isinstance(node.detail, CallPlan)]
        agents |= {name: agent(name, name) for plan in plans for name in plan.allow.capabilities}
        asked = {node.detail.tool for node in program.nodes if isinstance(node.detail, CallTool)} - {""}
        tools = map(tool, sorted(asked))
        parts = {name: part for name, part in self.document.items() if name not in ("document", "do")}
        talk = Conversation(
            self.document["do"], agents=(*agents.values(), *tools, *map(_declared, self.below)), **parts
        )
        started = talk.now
        talk.submit(self.notes.get("input"))
        while talk.status == "running":
            self._go_on(talk)
        assert not self.events and not self.answers, "the run ended without them"
        if "takes" in self.notes:
            assert talk.now - started == parse_duration(self.notes["takes"])
        return talk

    def _go_on(self, talk: Conversation) -> None:
        """Answer somebody, or else let time pass."""
        waiting = [effect for effect in talk.run.effects.values() if effect.status == "waiting"]
        if talk.open:
            order = next(iter(talk.open.values()))
            self._perform(talk, order)
        elif self.answers and waiting:
            talk.answer_human(**self.answers.pop(0))
        elif self.events:
            event = self.events.pop(0)
            talk.send(event.pop("type"), **event)
        else:
            assert talk.shard.timers, "nothing is left that could happen"
            talk.wait(talk.shard.timers[0][0] - talk.now)

    def _perform(self, talk: Conversation, order: Any) -> None:
        who = (
            order.capability
            or order.input.get("operation")
            or (order.kind == "process" and f"a {order.input['what']}")
        )
        who = who or f"{order.input['method']} {order.input['endpoint']}"
        if f"{who} gives" in self.notes:
            outcome = {"output": self.notes[f"{who} gives"]}
        else:
            outcome = {"status": "failed", "error": Error(ERRORS + "runtime", **self.notes[f"{who} fails"])}
        del talk.open[order.run_id, order.effect]
        talk.tell(reported(order, **outcome))


def test_every_kind_of_task_has_an_example() -> None:
    programs = [compile_workflow(Example(text).document, "sha256:0")[0] for text in EXAMPLES]
    shown = {node.kind for program in programs if program is not None for node in program.nodes}
    assert shown == {
        "do", "for", "fork", "try", "set", "switch", "raise", "wait", "listen", "foreach", "emit", "workflow",
        "agent", "tool", "human", "policy", "http", "openapi", "process", "map", "graph",
        "compensate", "fanout", "extended", "before", "plan",
    }  # fmt: skip


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_gives_what_its_comments_say(number: int) -> None:
    example = Example(EXAMPLES[number])
    talk = example.run()
    if "error" in example.notes:
        expected = example.notes["error"]
        assert {name: getattr(talk.error, name) for name in expected} == expected
    else:
        assert talk.output == example.notes["output"]


def _table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = TEXT.split(f"\n{heading}\n", 1)[1]
    rows = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert rows is not None
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows.group().splitlines()[2:]
    ]


def test_the_errors_are_the_standard_ones() -> None:
    assert {name.strip("`"): int(status) for name, status, _ in _table("## Errors")} == STATUS
    assert f"`{ERRORS}`" in TEXT


def test_the_arguments_are_those_that_the_compiler_knows() -> None:
    listed = {name for row in _table("### Arguments") for name in re.findall(r"\$(\w+)", row[0])}
    assert listed == TASK_ARGUMENTS | {
        "output",
        "item",
        "index",
        "error",
        "needs",
        "secrets",
        "authorization",
    }


def test_the_limits_are_the_codes() -> None:
    mebibyte = 2**20
    assert [value for _, value in _table("### What they cost, and their limits")] == [
        f"{evaluator.DEADLINE_MS} ms",
        f"{evaluator.MEMORY_BYTES // mebibyte} MiB",
        f"{jq_worker.OUTPUT_BYTES_MAX // mebibyte} MiB",
        str(bounds.VALUES_MAX),
        str(bounds.TEXT_MAX),
        str(bounds.DEPTH_MAX),
    ]
    assert [value for _, value in _table("## Limits of a document")] == [
        str(tasks.TASKS_MAX),
        str(tasks.DEPTH_MAX),
        str(compiling.VALUES_DEPTH_MAX),
        str(compiling.VALUES_MAX),
        f"{DURATION_MAX_MS // 86_400_000} days",
    ]
    assert f": {EVENTS_BUFFERED_MAX} of them at most" in TEXT
    assert f"takes {LISTENED_MAX} of them at most" in TEXT
    assert f"nest up to {NESTING_MAX} deep" in TEXT and f"at most {FAMILY_MAX} may" in TEXT
    assert f"after {TURNS_MAX} transitions" in TEXT


def _refused() -> str:
    """The table of what is not supported, as the compiler tells it."""
    told = []
    for document, path in UNSUPPORTED.values():
        _, problems = compile_workflow(document, "sha256:0")
        what, _, instead = problems[0].message.removesuffix(".").partition(" is not supported yet; ")
        told.append((path.replace("/do/0/a", "…"), instead, what))
    rows = ["| what | where | instead |", "|---|---|---|"]
    for (path, instead), group in groupby(sorted(told), key=lambda row: row[:2]):
        whats = ", ".join(dict.fromkeys(what for *_, what in group))
        rows.append(f"| {whats} | `{path}` | {instead} |")
    return "\n".join(rows)


def test_what_is_not_supported_is_listed_with_the_way_out() -> None:
    listed = re.search(r"<!-- refused -->\n\n?(.*?)\n*<!-- /refused -->", TEXT, re.DOTALL)
    assert listed is not None
    assert listed[1] == _refused(), f"between the marks belongs:\n\n{_refused()}\n"


def test_every_rule_is_listed() -> None:
    sources = [*(ROOT / "src/podium/workflow").glob("*.py"), ROOT / "src/podium/kernel/catalog.py"]
    calls = "".join(
        "".join(re.findall(r'(?:refuse|Problem)\(\s*"[a-z-]+"(?: if .*? else "[a-z-]+")?', path.read_text()))
        for path in sources
        if path.name != "schemas.py"
    )
    rules = set(re.findall(r'"([a-z-]+)"(?! not in)', calls)) - {"capability"}
    rules -= {"not-allowed"}  # of plans, which have a table of their own
    planning = (ROOT / "src/podium/planning/reviewing.py").read_text()
    rules |= set(re.findall(r'Remark\("breaks", "(missing-[a-z]+)"', planning))
    assert {row[0].strip("`") for row in _table("### Mistakes")} == rules - {"configuration"}
    assert {rule for _, rule, _ in BAD.values()} <= rules


def test_every_rule_of_plans_is_listed() -> None:
    vetting = (ROOT / "src/podium/planning/vetting.py").read_text()
    rules = set(re.findall(r'Problem\(\s*"([a-z-]+)"', vetting)) | {"policy"}
    assert {row[0].strip("`") for row in _table("#### Why a plan is refused")} == rules

"""What the catalog lets be applied and deleted, and what it remembers of it."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.facts import events as e
from podium.facts import inputs as i
from podium.facts.catalog import Declared
from podium.facts.events import Record
from podium.facts.values import Accepted, Refused
from podium.kernel.catalog import Catalog
from podium.kernel.declaring import Declaration
from tests.kernel.conversation import Conversation, agent, workflow

NAME = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
NAMES = {"type": "object", "required": ["name", "title"], "properties": {"name": {"type": "string"}}}
GREETER = agent("greeter", "greet", input=NAME)
STRICTER = agent("greeter", "greet", input=NAMES, version="2.0.0")
GREET = workflow("[{greet: {call: agent, with: {capability: greet, input: {name: Ada}}}}]", name="greet")
ASK = workflow("[{ask: {call: human, with: {title: T}}}]", name="ask")


class Book:
    """A catalog that is told things, and folds what follows."""

    def __init__(self, *resources: Declared) -> None:
        self.catalog = Catalog()
        self.runs: dict[str, int] = {}
        self.at = 1_000
        self.apply(*resources)

    def tell(self, told: i.Apply | i.Delete) -> Declaration | list[tuple[str, str]]:
        """What was recorded, or (code, rule) of each reason why nothing was."""
        self.at += 1
        made = self.catalog.declare(told, lambda: self.runs)
        if isinstance(made, Refused):
            return [(made.code, problem.rule) for problem in made.problems]
        for event, body in made.changes:
            self.catalog.fold(Record(self.catalog.seq + 1, "", self.at, event, body))
        return made

    def apply(self, *resources: Declared, **how: Any) -> Any:
        return self.tell(i.Apply(resources=resources, principal="user:ada", **how))

    def delete(self, kind: str, name: str, **how: Any) -> Any:
        return self.tell(i.Delete(kind=kind, name=name, principal="user:bob", **how))

    def names(self, kind: str) -> list[str]:
        return [f"{version.name}@{version.version}" for _, version in self.catalog.listed(kind)]


def events(made: Declaration) -> list[tuple[str, str, str]]:
    return [(type(event).__name__, event.name, event.version) for event, _ in made.changes]  # type: ignore[attr-defined]


def test_what_breaks_is_refused_and_nothing_changes() -> None:
    book = Book(GREETER, GREET)
    before = (book.catalog.seq, book.catalog.digest)
    assert book.apply(STRICTER) == [("refused", "handoff")]
    assert (book.catalog.seq, book.catalog.digest) == before
    assert book.names("Agent") == ["greeter@1.0.0"]


def test_a_reason_says_which_resource_and_where() -> None:
    book = Book(GREETER, GREET)
    refused = book.catalog.declare(i.Apply(resources=(STRICTER,)), dict)
    assert isinstance(refused, Refused)
    [problem] = refused.problems
    assert (problem.resource, problem.path) == ("Workflow/test/greet@1.0.0", "/do/0/greet/with/input")
    assert "greeter@2.0.0" in problem.message


def test_what_is_forced_is_recorded_with_its_reason_and_what_it_broke() -> None:
    book = Book(GREETER, GREET)
    made = book.apply(STRICTER, force=True, why="the form asks for it now")
    [(event, body)] = made.changes
    assert isinstance(event, e.ResourceApplied) and isinstance(body, e.ResourceBody)
    assert (event.forced, event.principal, body.why) == (True, "user:ada", "the form asks for it now")
    assert len(body.breaks) == 1
    assert body.breaks[0].startswith("Workflow/test/greet@1.0.0/do/0/greet/with/input: ")


def test_force_without_need_is_not_recorded_as_such() -> None:
    [(event, body)] = Book().apply(GREETER, force=True, why="to be sure").changes
    assert (event.forced, body.why, body.breaks) == (False, "to be sure", ())


def test_force_needs_a_reason() -> None:
    assert Book(GREETER, GREET).apply(STRICTER, force=True, why="  ") == [("usage", "missing-reason")]


def test_what_does_not_compile_cannot_be_forced() -> None:
    bad = workflow("[{greet: {st: {}}}]", name="bad")
    assert Book().apply(bad, force=True, why="I want it") == [("refused", "unknown-task")]


def test_who_is_about_somebody_begins_by_no_schedule_of_its_own() -> None:
    header = {"dsl": "1.0.3", "namespace": "test", "name": "talk", "version": "1.0.0"}
    about = {"document": {**header, "metadata": {"subject": "${ .id }"}}, "schedule": {"every": "PT1H"}}
    told = i.Apply(resources=(workflow([{"a": {"set": {"x": 1}}}], **about),), force=True, why="now")
    refused = Book().catalog.declare(told, dict)
    assert isinstance(refused, Refused)
    assert [(one.rule, one.path) for one in refused.problems] == [("subject", "/schedule")]


def test_pruning_deletes_what_is_left_out() -> None:
    book = Book(GREETER, GREET, ASK)
    made = book.apply(GREETER, GREET, prune=True)
    assert events(made) == [("ResourceDeleted", "test/ask", "1.0.0")]
    assert book.names("Workflow") == ["greet@1.0.0"]
    assert book.apply(GREET, prune=True) == [("refused", "missing-agent")]


def test_deleting_what_a_workflow_calls_is_refused() -> None:
    book = Book(GREETER, GREET)
    assert book.delete("Agent", "greeter") == [("refused", "missing-agent")]
    made = book.delete("Agent", "greeter", force=True, why="it is unsafe")
    [(event, body)] = made.changes
    assert isinstance(event, e.ResourceDeleted) and isinstance(body, e.ResourceDeletedBody)
    assert (event.forced, event.principal, body.why) == (True, "user:bob", "it is unsafe")
    assert len(body.breaks) == 1
    assert book.names("Agent") == []


def test_deleting_what_runs_are_pinned_to_is_refused() -> None:
    book = Book(ASK)
    book.runs = {ASK.digest: 2}
    assert book.delete("Workflow", "ask") == [("refused", "in-use")]
    book.runs = {}
    assert events(book.delete("Workflow", "ask")) == [("ResourceDeleted", "test/ask", "1.0.0")]
    assert book.catalog.current("Workflow", "ask") == ""
    assert book.catalog.current("Workflow", ASK.digest) == ""


def test_deleting_one_version_brings_the_one_before_back() -> None:
    newer = agent("greeter", "greet", input=NAME, version="1.1.0")
    book = Book(GREETER, newer)
    assert events(book.delete("Agent", "greeter@1.1.0")) == [("ResourceDeleted", "greeter", "1.1.0")]
    assert book.names("Agent") == ["greeter@1.0.0"]
    assert book.catalog.current("Agent", "greeter@1.1.0") == ""
    book.apply(newer)
    assert events(book.delete("Agent", "greeter")) == [
        ("ResourceDeleted", "greeter", "1.0.0"),
        ("ResourceDeleted", "greeter", "1.1.0"),
    ]


def test_deleting_what_is_not_there() -> None:
    assert Book(GREETER).delete("Agent", "nobody") == [("not-found", "unknown-agent")]
    assert Book(GREETER).delete("Agent", "greeter@9.9.9") == [("not-found", "unknown-agent")]


def test_what_was_deleted_can_be_applied_again() -> None:
    book = Book(ASK)
    book.delete("Workflow", "test/ask")
    assert events(book.apply(ASK)) == [("ResourceApplied", "test/ask", "1.0.0")]
    assert (
        book.catalog.current("Workflow", "ask") == ASK.digest == book.catalog.current("Workflow", ASK.digest)
    )


def test_a_bare_name_means_what_is_left_of_it() -> None:
    other = workflow("[{nap: {wait: PT1S}}]", name="ask")
    spec = {**other.spec, "namespace": "other", "document": {**other.spec["document"]}}
    spec["document"]["document"] = {**spec["document"]["document"], "namespace": "other"}
    other = Declared("Workflow", "other/ask", "1.0.0", "sha256:other", spec)
    book = Book(ASK, other)
    assert book.catalog.current("Workflow", "ask") == other.digest
    book.delete("Workflow", "other/ask")
    assert book.catalog.current("Workflow", "ask") == ASK.digest


def test_an_agent_that_is_deleted_is_not_asked_any_more() -> None:
    second = agent("second", "greet")
    book = Book(GREETER, second)
    book.delete("Agent", "greeter")
    talk = Conversation(GREET.spec["document"]["do"], agents=(GREETER, second))
    told = i.Delete(kind="Agent", name="greeter")
    made = talk.catalog.declare(told, dict)
    assert isinstance(made, Declaration)
    for event, body in made.changes:
        talk.catalog.fold(Record(talk.catalog.seq + 1, "", talk.now, event, body))
    talk.submit({})
    assert talk.events(e.EffectRequested)[-1].agent == "second@1.0.0"


def test_a_run_goes_on_when_its_workflow_is_deleted() -> None:
    talk = Conversation("[{work: {call: agent, with: {agent: helper}}}]", agents=(agent("helper"),))
    talk.submit({})
    told = i.Delete(kind="Workflow", name="test/talk", force=True, why="it is finished elsewhere")
    made = talk.catalog.declare(told, lambda: {talk.run.digest: 1})
    assert isinstance(made, Declaration)
    for event, body in made.changes:
        talk.catalog.fold(Record(talk.catalog.seq + 1, "", talk.now, event, body))
    talk.settle("work", 5)
    assert talk.output == 5


def test_a_key_stands_for_its_run_when_its_workflow_is_deleted() -> None:
    talk = Conversation("[{work: {call: agent, with: {agent: helper}}}]", agents=(agent("helper"),))
    first = i.SubmitRun(run_id=talk.run_id, workflow="test/talk", key="k", input={"n": 1})
    talk.tell(first)
    made = talk.catalog.declare(i.Delete(kind="Workflow", name="test/talk"), dict)
    assert isinstance(made, Declaration)
    for event, body in made.changes:
        talk.catalog.fold(Record(talk.catalog.seq + 1, "", talk.now, event, body))
    assert talk.tell(first) == Accepted(talk.run_id, created=False)
    other = talk.tell(msgspec.structs.replace(first, input={"n": 2}))
    assert isinstance(other, Refused) and other.code == "conflict"
    for gone in (msgspec.structs.replace(first, workflow="other"), i.SubmitRun(run_id="r", workflow="talk")):
        reply = talk.tell(gone)
        assert isinstance(reply, Refused) and reply.problems[0].rule == "unknown-workflow"


def test_the_history_says_what_became_of_a_resource() -> None:
    book = Book(GREETER, GREET)
    book.apply(STRICTER, force=True, why="now")
    book.delete("Agent", "greeter@2.0.0")
    found = [
        (one.revision, one.version, one.action, one.principal, one.forced, one.why, one.at)
        for one in book.catalog.history["Agent", "greeter"]
    ]
    assert found == [
        (1, "1.0.0", "applied", "user:ada", False, "", 1_001),
        (3, "2.0.0", "applied", "user:ada", True, "now", 1_002),
        (4, "2.0.0", "deleted", "user:bob", False, "", 1_003),
    ]


def test_the_digest_of_the_catalog_tells_deleting_from_applying() -> None:
    one, other = Book(ASK), Book(ASK)
    one.delete("Workflow", "ask")
    other.apply(workflow("[{nap: {wait: PT1S}}]", name="nap"))
    assert len({one.catalog.digest, other.catalog.digest, Book(ASK).catalog.digest}) == 3


# --- what is deprecated -----------------------------------------------------------------------


def test_the_use_of_a_deprecated_agent_is_noted_when_applied_and_when_asked() -> None:
    old = agent("old", "old.greet", deprecated="use greeter")
    use = workflow("[{greet: {call: agent, with: {capability: old.greet}}}]", name="use")
    made = Book().apply(old, use)
    assert made.notices == ("Workflow/test/use@1.0.0/do/0/greet/with: old@1.0.0 is deprecated: use greeter",)
    talk = Conversation(use.spec["document"]["do"], agents=(old,))
    talk.submit({})
    assert talk.events(e.EffectRequested)[-1].reason == "only agent; old@1.0.0 is deprecated: use greeter"


def test_starting_a_deprecated_workflow_is_noted() -> None:
    talk = Conversation()
    header = {"dsl": "1.0.3", "namespace": "test", "name": "old", "version": "1.0.0"}
    document = {
        "document": {**header, "metadata": {"deprecated": "use new"}},
        "do": [{"a": {"set": {"n": 1}}}],
    }
    spec = {"namespace": "test", "name": "old", "version": "1.0.0", "document": document}
    talk.apply(Declared("Workflow", "test/old", "1.0.0", "sha256:old", spec))
    reply = talk.tell(i.SubmitRun(run_id=talk.run_id, workflow="old"))
    assert reply is not None and getattr(reply, "notices", ()) == ("test/old@1.0.0 is deprecated: use new",)
    assert talk.events(e.RunStarted)[-1].deprecated == "use new"

"""The stored form: whatever an event holds comes back, from this release and from others."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.facts import stored
from podium.facts.events import (
    EVENTS,
    ActNoted,
    ActNotedBody,
    Body,
    Event,
    Record,
    SubjectErased,
    SubjectErasedBody,
    TaskStarted,
)
from podium.facts.stored import BLOB, ERASED, SEALED, UPCASTERS, UnknownRecord, decode, encode
from tests.facts.messages import made


def no_blob(digest: bytes) -> bytes:
    raise AssertionError("nothing here is a blob")


def back(event: Event, envelope: bytes, body: bytes, blob: Any = no_blob, version: int = 0) -> Record:
    """The record that bytes of this kind of event give."""
    return decode(7, "run", type(event).__name__, version or event.VERSION, 42, envelope, body, blob)


@st.composite
def events(draw: st.DrawFn) -> tuple[Event, Body | None]:
    """Any event, with a body if it may have one."""
    kind = draw(st.sampled_from(list(EVENTS.values())))
    body = draw(st.none() | made(kind.BODY)) if kind.BODY is not None else None
    return draw(made(kind)), body


@pytest.mark.parametrize("name", EVENTS)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_stored_comes_back(name: str, data: st.DataObject) -> None:
    kind = EVENTS[name]
    event = data.draw(made(kind))
    body = data.draw(st.none() | made(kind.BODY)) if kind.BODY is not None else None
    envelope, content = encode(event, body)
    assert back(event, envelope, content) == Record(7, "run", 42, event, body)
    again = back(event, envelope, content)
    assert encode(again.event, again.body) == (envelope, content)


@given(events())
def test_a_body_is_told_from_what_stands_in_its_place(pair: tuple[Event, Body | None]) -> None:
    event, body = pair
    envelope, content = encode(event, body)
    assert content[:1] in (b"", b"{"), "the first byte is the codec"
    assert back(event, envelope, ERASED) == Record(7, "run", 42, event, None, erased=True)
    subject = bytes(range(16))
    sealed = SEALED + subject + b"secret"
    assert back(event, envelope, sealed) == Record(7, "run", 42, event, None, subject.hex())
    if body is not None:
        blobs = {sha256(content).digest(): content}
        pointer = BLOB + sha256(content).digest()
        assert back(event, envelope, pointer, blobs.__getitem__) == Record(7, "run", 42, event, body)


@given(events())
def test_members_of_a_newer_release_are_passed_over(pair: tuple[Event, Body | None]) -> None:
    event, body = pair
    parts = [
        msgspec.json.encode({**msgspec.json.decode(part), "a member of tomorrow": [1, {"x": None}]})
        if part
        else part
        for part in encode(event, body)
    ]
    assert back(event, *parts) == Record(7, "run", 42, event, body)


@pytest.mark.parametrize("name", EVENTS)
def test_a_record_of_the_first_release_needs_no_member(name: str) -> None:
    kind = EVENTS[name]
    body = b"{}" if kind.BODY is not None else b""
    assert back(kind(), b"{}", body).event == kind()


@pytest.mark.parametrize("name", EVENTS)
def test_no_two_members_share_a_name(name: str) -> None:
    for kind in (EVENTS[name], EVENTS[name].BODY):
        names = [field.encode_name for field in msgspec.structs.fields(kind)] if kind is not None else []
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(("kind", "version"), [("TaskStarted", 2), ("TaskPondered", 1)])
def test_what_a_newer_release_wrote_is_refused_by_name(kind: str, version: int) -> None:
    with pytest.raises(UnknownRecord, match=rf"record 7 is a {kind} of version {version}: .* newer release"):
        decode(7, "run", kind, version, 42, b"{}", b"", no_blob)


def test_every_older_version_has_its_way_up() -> None:
    older = {(name, version) for name, kind in EVENTS.items() for version in range(1, kind.VERSION)}
    assert set(UPCASTERS) == older


def test_an_old_record_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class Third(TaskStarted):
        VERSION: ClassVar[int] = 3

    def renamed(envelope: bytes, body: bytes) -> tuple[bytes, bytes]:
        return envelope.replace(b'"place"', b'"where"'), body

    def renamed_again(envelope: bytes, body: bytes) -> tuple[bytes, bytes]:
        return envelope.replace(b'"where"', b'"task"'), body.replace(b"old", b"new")

    monkeypatch.setitem(EVENTS, "TaskStarted", Third)
    monkeypatch.setitem(stored._envelopes, "TaskStarted", msgspec.json.Decoder(Third))
    monkeypatch.setitem(UPCASTERS, ("TaskStarted", 1), renamed)
    monkeypatch.setitem(UPCASTERS, ("TaskStarted", 2), renamed_again)
    for version, member in ((1, b"place"), (2, b"where"), (3, b"task")):
        body = b'{"input":"new"}' if version == 3 else b'{"input":"old"}'
        record = decode(7, "run", "TaskStarted", version, 42, b'{"%s":"/do/0/a"}' % member, body, no_blob)
        assert (record.event.task, record.body.input) == ("/do/0/a", "new")  # type: ignore[attr-defined,union-attr]


def test_who_was_erased_by_former_releases_is_still_known() -> None:
    envelope = b'{"subject":"4ac1","principal":"user:ada","runs":2}'
    event = decode(7, "", "SubjectErased", 1, 42, envelope, b'{"why":"asked"}', no_blob)
    assert event.event == SubjectErased(subject="4ac1", principal="user:ada", runs=2)
    assert event.body == SubjectErasedBody("asked")


def test_what_people_did_by_former_releases_is_still_known() -> None:
    envelope = b'{"principal":"user:ada","via":"http token 3f","act":"token.create","target":"ci"}'
    event = decode(7, "", "ActNoted", 1, 42, envelope, b'{"why":"asked"}', no_blob)
    assert event.event == ActNoted(principal="user:ada", via="http token 3f", act="token.create", target="ci")
    assert event.body == ActNotedBody("asked")

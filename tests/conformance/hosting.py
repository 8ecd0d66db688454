"""Runs documents of kit and examples through a real hub, and tells how they ended."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of
from tests.conformance.kit import Ended, from_yaml
from tests.conformance.stand_ins import StandIns
from tests.policies import TRUSTING
from tests.runtime.serving import House


class Host:
    """A hub, and stand-ins for whatever its workflows call."""

    def __init__(self, house: House, stand_ins: StandIns) -> None:
        self.house, self.stand_ins = house, stand_ins

    def apply(self, text: str) -> list[dict[str, Any]]:
        """Declare a document; gives why it is refused, if it is."""
        resources = [msgspec.to_builtins(declared(self.stand_ins.rewritten(text)))]
        reply = self.house.door.call("apply", {"resources": resources})
        problems: list[dict[str, Any]] = reply["refused"]["problems"] if "refused" in reply else []
        return problems

    def run(self, text: str, input: Any, events: tuple[dict[str, Any], ...] = ()) -> Ended:
        """Declare a document, run it and send it events, each once it listens."""
        problems = self.apply(text)
        assert not problems, problems
        run_id = self.house.submit(name_of(from_yaml(text)), input)
        for number, event in enumerate(events):
            self.house.until(run_id, "event")
            self.house.call("send", run_id=run_id, event={"id": str(number), "source": "test", **event})
        ended = self.house.call("wait", run_id=run_id, trace=True, timeout_ms=60_000)
        names = [reference.rsplit("/", 1)[-1] for reference in ended.get("trace", [])]
        return Ended(ended["status"], ended.get("output"), ended.get("error"), names)


@contextmanager
def hosted() -> Iterator[Host]:
    """A hub in a folder of its own, for as long as the block lasts."""
    stand_ins = StandIns()
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        house.apply(TRUSTING)
        try:
            yield Host(house, stand_ins)
        finally:
            house.close()
            stand_ins.close()


def name_of(document: Any) -> str:
    return f"{document['document']['namespace']}/{document['document']['name']}"


def declared(text: str) -> Declared:
    """The workflow of a document, as it is applied."""
    document = from_yaml(text)
    header = document["document"]
    # YAML may read a version such as 1.0.3 as a text already; nothing else is changed.
    spec = {**{name: header[name] for name in ("namespace", "name", "version")}, "document": document}
    return Declared("Workflow", name_of(document), header["version"], digest_of(spec), spec)

"""The smallest example."""

from __future__ import annotations

import json

from tests.cli.command import Command
from tests.examples.conftest import EXAMPLES


def test_hello(podium: Command) -> None:
    done = podium("run", str(EXAMPLES / "hello"), "--input", "name=Ada")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"greeting": "HELLO, ADA!"}


def test_hello_without_a_name_is_refused(podium: Command) -> None:
    done = podium("run", str(EXAMPLES / "hello"))
    assert done.returncode == 2
    assert "name" in done.stderr
    assert done.stdout == ""

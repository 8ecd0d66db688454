"""Everything held still from the command line, whoever is killed meanwhile."""

from __future__ import annotations

import json

from tests.cli.command import Command, until


def test_everything_stays_suspended_though_its_hub_is_killed(podium: Command) -> None:
    first = podium.start("run", "team", "--workflow", "slow")
    until(podium.calls)
    held = podium("suspend", "--all", "--why", "it looks wrong")
    assert (held.returncode, held.stderr) == (0, "the hub is suspended\n")
    first.kill()
    first.communicate()
    hub, run = podium.json("explain", "--stuck")
    assert hub["command"] == "podium resume --all --why …"
    assert hub["waits"].endswith("because it looks wrong") and run["kind"] == "attempt"
    podium.open_gate()
    second = podium.start("run", "team", "--workflow", "slow", "--resume")
    until(lambda: podium.hub() == second.pid)
    _, waits = podium.json("explain", "--stuck")
    assert waits["waits"] == hub["waits"]
    assert podium.calls() == 1, "nobody is asked again"
    assert podium("resume", "--all").returncode == 0
    out, said = second.communicate(timeout=60)
    assert json.loads(out) == {"text": "Hello, last!"}
    assert "because it looks wrong; `podium resume --all --why …` lets it go on" in said

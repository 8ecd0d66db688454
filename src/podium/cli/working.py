"""`worker`: host agents for a hub elsewhere."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from podium.cli import far, hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say, show_rows, span

if TYPE_CHECKING:
    from podium.facts.catalog import Declared
    from podium.hosting import Hosting

Given = Annotated[Options, Parameter(parse=False)]

_AGAIN_S = 1.0


def worker(
    *targets: str,
    name: str = "worker",
    concurrency: int = 16,
    region: Annotated[str, Parameter(env_var="PODIUM_REGION")] = "",
    label: tuple[str, ...] = (),
    weight: int = 1,
    lease: float = 15.0,
    grace: float = 30.0,
    options: Given,
) -> int:
    """Host agents for a hub elsewhere until interrupted.

    Attempts that run then may end.

    Parameters
    ----------
    targets
        What to host: `module` or `module:name` of decorated functions, or files and folders that declare
        some.
    name
        What it is called, for people.
    concurrency
        Attempts that it takes at once.
    region
        Where it stands.
    label
        Labels, `key=value`; may be given several times.
    weight
        How much it gets beside others that are as busy.
    lease
        Seconds of silence after which the hub takes it for lost.
    grace
        Seconds that attempts have to end, once it is told to stop.
    """
    if far.chosen is None:
        message = "a worker needs the address of its hub"
        raise Stop(
            Exit.USAGE, message, "give `podium --hub http://127.0.0.1:7400 worker …`, or set PODIUM_HUB"
        )
    if not targets:
        raise Stop(
            Exit.USAGE, "nothing was given to host", "name a module, `podium worker agents`, or a file"
        )
    agents = _gathered(targets)
    from podium.hosting import Hosting
    from podium.sdk.worker import Terms
    from podium.sdk.worker_link import Link

    terms = Terms(
        name=name, region=region, labels=_labels(label), weight=weight, concurrency=concurrency,
        lease_ms=int(lease * 1000),
    )  # fmt: skip
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    hosting = Hosting(Link(far.chosen.url, far.chosen.token), agents, terms, options.state)
    try:
        joined = _joined(hosting, stopping)
        if not joined:
            return Exit.UNREACHABLE
        hosted = ", ".join(f"{one.name}@{one.version}" for one in agents)
        say(f"{joined} hosts {hosted} for {far.chosen.url}")
        hosting.run()
        stopping.wait()
        say("stops: what runs may end")
    finally:
        # Whoever interrupts twice does not want to wait.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        hosting.stop(int(grace * 1000))
    return Exit.OK


def _joined(hosting: Hosting, stopping: threading.Event) -> str:
    """The id that it has, as soon as its hub answers; "" if it is to stop before."""
    from podium.sdk.worker_link import Unheard

    while not stopping.is_set():
        try:
            return hosting.join()
        except Unheard as error:
            say(f"{error}; trying again")
            stopping.wait(_AGAIN_S)
    return ""


def _labels(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if wrong := [key for key, sign, _ in pairs if not key or not sign]:
        raise Stop(Exit.USAGE, f"--label {wrong[0]} is no label", "write key=value")
    return {key: value for key, _, value in pairs}


def _gathered(targets: tuple[str, ...]) -> list[Declared]:
    """What the targets declare. Raises Stop where that is nothing, or not as it must be."""
    from podium.sdk.manifests import load, load_module

    found: dict[tuple[str, str, str], Declared] = {}
    for target in targets:
        path = Path(target)
        if ":" not in target and path.exists():
            loaded = load([path])
        else:
            sys.path[:0] = [""] if "" not in sys.path else []
            loaded = load_module(target)
        if loaded.problems:
            problem = loaded.problems[0]
            raise Stop(Exit.USAGE, problem.message, f"{problem.file}:{problem.line}" if problem.file else "")
        for one in loaded.resources:
            if one.kind in ("Agent", "Tool"):
                found[one.kind, one.name, one.version] = one
    if not found:
        raise Stop(
            Exit.USAGE, f"{', '.join(targets)} declares no agents", "put `@agent(...)` before a function"
        )
    return list(found.values())


def workers(*, options: Given) -> int:
    """List workers and what they host."""
    with hubs.looked_at(options.state) as client:
        rows = client.workers()
    now = time.time_ns() // 1_000_000
    columns = (
        ("worker", lambda row: row["id"]),
        ("status", lambda row: row["status"]),
        ("region", lambda row: row["region"]),
        ("labels", lambda row: ", ".join(f"{name}={value}" for name, value in row["labels"].items())),
        ("attempts", lambda row: f"{row['attempts']}/{row['concurrency']}"),
        ("done", lambda row: row["succeeded"]),
        ("failed", lambda row: row["failed"]),
        ("heard", lambda row: f"{span(max(now - row['heard_at'], 0))} ago"),
        ("hosts", lambda row: ", ".join(one["agent"] for one in row["agents"])),
    )
    nobody = "no workers; `podium --hub URL worker MODULE` starts one"
    show_rows(rows, options.format or "table", columns, nobody)
    return Exit.OK

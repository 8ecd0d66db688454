"""Notifying: a run is started for each thing that people are to be told, of each workflow that asks for it.

It looks at how things stand, not at what happened, so that nothing is missed by a hub that was killed; and
each run has a key made of the workflow and what it tells, so that it tells it once. All else, retries
included, is a run's own: telling is an effect like any other.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future

import structlog

from podium.facts import events as e
from podium.facts.events import Record
from podium.facts.identity import run_id_of
from podium.facts.inputs import SubmitRun
from podium.facts.notices import NOTIFIER
from podium.facts.values import Refused, Reply
from podium.kernel.catalog import Catalog
from podium.runtime import notices
from podium.runtime.fleet import Fleet
from podium.runtime.inquiry import Declined, Inquiry
from podium.runtime.notices import Notice
from podium.store.interface import StoreError

LOOK_S = 30.0
"""So often it looks how things stand, whatever happens: time alone brings deadlines near."""

SOON_S = 0.5
"""So long after something happened it looks, and at what else happened meanwhile."""

TOLD_MAX = 20_000
"""So much is remembered of what was told already; the rest the log knows."""

log = structlog.get_logger("podium.notifier")

_STIRRING = frozenset(
    {
        e.EffectRequested, e.EffectDecided, e.EffectInDoubt, e.EffectDeadLettered, e.BreakerOpened,
        e.BudgetWarned, e.ApprovalEscalated, e.CatalogAdvanced, e.EpochStarted,
    }
)  # fmt: skip
"""What may give cause to tell somebody."""


class Notifier:
    """Starts those runs.

    Args:
        tell: tells the hub something. catalog: what is declared.
        link: where people find the hub; "" for nowhere.
    """

    def __init__(
        self, tell: Callable[[SubmitRun], Future[Reply]], catalog: Catalog, inquiry: Inquiry, fleet: Fleet,
        now: Callable[[], int], tenant: str, link: Callable[[], str] = lambda: "",
    ) -> None:  # fmt: skip
        self._tell, self._catalog, self._inquiry, self._fleet = tell, catalog, inquiry, fleet
        self._now, self._tenant, self._link = now, tenant, link
        self._told: OrderedDict[str, None] = OrderedDict()
        self._stirred = threading.Event()
        self._closing = False
        self._wanted: dict[str, tuple[str, ...]] = {}
        self._revision = -1
        self._thread = threading.Thread(target=self._work, name="podium-notifier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def feed(self, shard: int, records: Iterable[Record]) -> None:
        """Hear of a commit; never waits and never fails."""
        if not self._stirred.is_set():
            for record in records:
                event = record.event
                if type(event) in _STIRRING and (
                    not isinstance(event, e.EffectRequested)
                    or event.kind == "human"
                    or event.verdict == "approve"
                ):
                    self._stirred.set()
                    return

    def close(self) -> None:
        self._closing = True
        self._stirred.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)

    # --- the thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing:
            try:
                self.look()
            except (Declined, StoreError) as error:
                log.warning("nobody was told", reason=str(error))
            if self._stirred.wait(LOOK_S) and not self._closing:
                time.sleep(SOON_S)
            self._stirred.clear()

    def look(self) -> int:
        """Tell what is to be told now; gives how many runs that started."""
        wanted = self._asked_for()
        if not wanted:
            return 0
        causes = {cause for asked in wanted.values() for cause in asked}
        started = 0
        for notice in self._found(causes):
            for workflow, asked in wanted.items():
                if notice.cause in asked:
                    started += self._start(workflow, notice)
        return started

    def _asked_for(self) -> dict[str, tuple[str, ...]]:
        """The workflows that ask to be told, and of what."""
        if self._catalog.revision != self._revision:
            self._revision = self._catalog.revision
            self._wanted = self._inquiry.sight.look(lambda _, catalog: _wanted(catalog))
        return self._wanted

    def _found(self, causes: set[str]) -> Iterable[Notice]:
        now = self._now()
        about = self._inquiry
        if causes & {"approval", "deadline", "escalation"}:
            for batch in about.all_waiting(lambda run: notices.of_run(run, now)):
                yield from batch
        if "escalation" in causes:
            yield from notices.of_breakers(about.sight.breakers().values())
        if "budget" in causes:
            yield from notices.of_budgets(about.get("budgets", limit=1_000))
        if "fleet" in causes:
            yield from notices.of_fleet(self._fleet.workers())

    def _start(self, workflow: str, notice: Notice) -> bool:
        """Start a run that tells a notice; whether that is a new one."""
        key = f"notice {workflow} {notice.cause} {notice.id}"
        if key in self._told:
            return False
        told = SubmitRun(
            run_id=run_id_of(self._tenant, key), workflow=workflow, input=notice.told(self._link()), key=key,
            principal=NOTIFIER,
        )  # fmt: skip
        reply = self._tell(told).result()
        # A key that stands for another input was told before, in other words.
        again = isinstance(reply, Refused) and reply.code == "conflict"
        if isinstance(reply, Refused) and not again:
            log.warning("a notice could not be told", workflow=workflow, reason=reply.problems[0].message)
            if reply.code != "usage":
                return False
        self._told[key] = None
        if len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)
        return not isinstance(reply, Refused) and reply.created


def _wanted(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    found = {}
    for _, workflow in catalog.listed("Workflow"):
        metadata = workflow.document.get("document", {}).get("metadata") or {}
        if metadata.get("notify"):
            found[f"{workflow.namespace}/{workflow.name}"] = tuple(metadata["notify"])
    return found

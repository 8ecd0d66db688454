"""Deciding: what all policies in force say of an action.

The order of rules does not matter: deny prevails over approve (at the highest tier), that over defer, that
over allow, and what nothing allows is denied. Policies of a narrower scope only narrow: at each breadth of
scope whose policies allow anything, one of them must allow it. Any error denies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from podium.facts.approvals import Terms
from podium.facts.identity import digest_of
from podium.facts.policy import NOWHERE, Action, Decision, Deferral, Destination, Hold
from podium.policy.bearing import Bearing
from podium.policy.compiling import Compiled
from podium.policy.findings import ALLOW, APPROVE, DEFER, DENY, VERDICTS, Finding, Tally
from podium.policy.ledger import Ledger
from podium.policy.matching import Shape, groups_of, matches, shape_of
from podium.policy.remembering import LABEL
from podium.policy.tiers import terms_of

SHAPES_MAX = 4096
"""So many shapes of actions are kept prepared."""

MESSAGES_MAX = 3
"""So many of the sentences that rules say are told."""

DEFAULT = "default"
"""The rule by which what nothing allows is denied."""

_NOWHERE = (NOWHERE,)

Marks = Mapping[str, int]
"""What happened in a run, by when it did so last, in ms since 1970."""


class _Prepared(NamedTuple):
    """What is known of all actions of a shape.

    Attributes:
        required: breadths of scope at which something must allow it.
        decision: on those that carry no labels; None where it depends on more than the shape.
    """

    bearings: tuple[Bearing, ...]
    observers: tuple[Bearing, ...]
    required: frozenset[int]
    decision: Decision | None


class _Now(NamedTuple):
    """What a decision goes by, beside the action."""

    ledger: Ledger
    marks: Marks
    now: int
    own: Mapping[str, Hold]


class PolicySet:
    """All policies in force.

    Attributes:
        digest: over all of them.
        enforced: those that enforce; `observing` are those that only observe.
    """

    def __init__(self, policies: Iterable[Compiled]) -> None:
        known = sorted(policies, key=lambda one: one.version.name)
        self.digest = digest_of([[one.version.name, one.digest] for one in known])
        self.enforced = tuple(one for one in known if one.version.mode == "enforce")
        self.observing = tuple(one for one in known if one.version.mode == "observe")
        self._tiers = {one.version.name: one.version.tiers for one in known}
        self._by_hosts = any(_names_hosts(one) for one in known)
        self._prepared: dict[Shape, _Prepared] = {}

    def decide(
        self, action: Action, ledger: Ledger, marks: Marks, now: int, own: Iterable[Hold] = ()
    ) -> Decision:
        """As `decide` below, but errors come out."""
        places = action.destinations or _NOWHERE
        prepared = self._prepare(action, places[0])
        varies = action.labels or action.result_labels or action.policies or len(places) > 1
        if prepared.decision is not None and not varies:
            return prepared.decision
        given = _Now(ledger, marks, now, {one.counter: one for one in own} if own else {})
        tally = self._weighed(prepared, action, places, given)
        observed: tuple[str, ...] = ()
        if prepared.observers:
            observed = tuple(self._observed(one, action, places, given, tally) for one in prepared.observers)
        return self._decision(tally, action, now, observed)

    def weigh(self, action: Action, ledger: Ledger, marks: Marks, now: int) -> Tally:
        """Everything that the policies that enforce find, and not only what prevails."""
        places = action.destinations or (NOWHERE,)
        return self._weighed(self._prepare(action, places[0]), action, places, _Now(ledger, marks, now, {}))

    def pauses(self, action: Action, now: int) -> tuple[str, ...]:
        """The counters that stand still where whoever an action called asks for a pause."""
        found = (
            counter
            for place in action.destinations or _NOWHERE
            for bearing in self._prepare(action, place).bearings
            for counter in bearing.pauses(action, place, now)
        )
        return tuple(dict.fromkeys(found))

    def _weighed(
        self, first: _Prepared, action: Action, places: tuple[Destination, ...], given: _Now
    ) -> Tally:
        tally = Tally()
        _weigh(first, action, places[0], given, tally)
        for place in places[1:]:
            _weigh(self._prepare(action, place), action, place, given, tally)
        if len(places) > 1:
            # It is one action, wherever it leads to; only what is counted by hosts counts for each.
            tally.holds = [*{one.counter: one for one in reversed(tally.holds)}.values()][::-1]
            tally.counts = [*{one.counter: one for one in reversed(tally.counts)}.values()][::-1]
            tally.warnings = [*dict.fromkeys(tally.warnings)]
        if action.policies and _silent(action, tally):
            tally.is_unallowed = True
        if action.labels or action.result_labels:
            tally.marks += [LABEL + label for label in (*action.labels, *action.result_labels)]
        return tally

    def _prepare(self, action: Action, place: Destination) -> _Prepared:
        shape = shape_of(action, place.host if self._by_hosts else "")
        prepared = self._prepared.get(shape)
        if prepared is None:
            if len(self._prepared) >= SHAPES_MAX:
                self._prepared.clear()
            prepared = self._prepared[shape] = self._made(action, shape)
        return prepared

    def _made(self, action: Action, shape: Shape) -> _Prepared:
        groups = groups_of(shape)
        applying = [one for one in self.enforced if matches(one.version.applies_to, shape, groups)]
        bearings = tuple(Bearing(one, shape) for one in applying)
        observers = tuple(
            Bearing(one, shape) for one in self.observing if matches(one.version.applies_to, shape, groups)
        )
        required = frozenset(one.breadth for one in applying if one.allows)
        prepared = _Prepared(bearings, observers, required, None)
        if observers or not all(bearing.is_fixed for bearing in bearings):
            return prepared
        tally = Tally()
        _weigh(prepared, action, NOWHERE, _Now(Ledger(), {}, 0, {}), tally)
        decision = self._decision(tally, action, 0, ())
        return prepared if decision.verdict == "approve" else prepared._replace(decision=decision)

    def _decision(self, tally: Tally, action: Action, now: int, observed: tuple[str, ...]) -> Decision:
        rank, rules, messages = _prevailing(tally)
        tier, terms, until, deferral = 0, None, 0, None
        if rules == (DEFAULT,):
            messages = [self._unallowed(tally, action)]
        elif rank == APPROVE:
            tier = max(finding.tier for finding in tally.findings if finding.rank == APPROVE)
            asking = [one for one in tally.findings if one.rank == APPROVE and one.tier == tier]
            rules, messages = _told(asking)
            terms = self._terms(tier, asking, now)
            deferral = _deferral(tally)
            if terms is None:
                told = f"the policies that ask for tier {tier} have no approver in common, or want `stepUp`"
                rank, messages = DENY, [told]
        elif rank == DEFER:
            until = _until(tally)
        return Decision(
            VERDICTS[rank], rules, self.digest, tier, _sentence(messages) if messages else "",
            tuple(tally.holds), tuple(tally.counts), _once(tally.marks), _once(tally.proofs), until,
            tally.reads, tuple(tally.warnings), observed, terms, tally.reach, deferral,
        )  # fmt: skip

    def _unallowed(self, tally: Tally, action: Action) -> str:
        """That nothing allows an action, and which policies are about it."""
        shape = shape_of(action, (action.destinations or _NOWHERE)[0].host)
        groups = groups_of(shape)
        told = f"no policy allows {_described(action)}"
        if silent := _silent(action, tally):
            known = {one.version.name for one in self.enforced}
            why = (
                f"{name} {'has no rule that does' if name in known else 'is not in force'}" for name in silent
            )
            return f"not all policies that are to allow {_described(action)} do: {'; '.join(why)}"
        about = [one for one in self.enforced if matches(one.version.applies_to, shape, groups)]
        if not about:
            are = "is" if len(self.enforced) == 1 else "are"
            return f"{told}: {_names(self.enforced)} {are} about other things (`appliesTo`)"
        lacking = _names(one for one in about if one.allows and one.breadth not in tally.allows)
        if not tally.allows or not lacking:
            return f"{told}: no rule of {_names(about)} does"
        wider = ", ".join(_once([rule for rules in tally.allows.values() for rule in rules]))
        return (
            f"{told}: {wider} would, but no rule of {lacking}, which is about it by `appliesTo` and narrows"
        )

    def _terms(self, tier: int, asking: Iterable[Finding], now: int) -> Terms | None:
        names = dict.fromkeys(finding.rule.partition("/")[0] for finding in asking)
        return terms_of(tier, (self._tiers[name][str(tier)] for name in names), now)

    def _observed(
        self, bearing: Bearing, action: Action, places: tuple[Destination, ...], given: _Now, tally: Tally
    ) -> str:
        """What a policy that only observes would have said. It is counted for, and never in the way."""
        name, own = bearing.policy.version.name, Tally()
        alone = _Prepared((bearing,), (), frozenset((bearing.policy.breadth,)), None)
        try:
            for place in places:
                _weigh(alone, action, place, given, own)
            rank, rules, _ = _prevailing(own)
        except Exception as error:
            return f"{name}: error: {type(error).__name__}"
        tally.holds += [Hold(one.counter, one.amount) for one in own.holds]
        tally.counts += own.counts
        tally.marks += own.marks
        tally.proofs += own.proofs
        return f"{name}: {VERDICTS[rank]} by {', '.join(rules)}"


def decide(
    policies: PolicySet, action: Action, ledger: Ledger, marks: Marks, now: int, own: Iterable[Hold] = ()
) -> Decision:
    """The verdict on an action. Nothing is changed by asking, and nothing is raised: whatever fails denies.

    Args:
        ledger: what is spent, held and counted.
        marks: what happened in the run.
        now: ms since 1970.
        own: what the effect holds already, where it was decided before.
    """
    try:
        return policies.decide(action, ledger, marks, now, own)
    except Exception as error:
        told = f"policy could not be evaluated: {type(error).__name__}: {str(error)[:200]}"
        return Decision("deny", ("error",), policies.digest, message=told)


def _silent(action: Action, tally: Tally) -> list[str]:
    """The policies that must allow an action themselves, and do not."""
    allowing = {rule.partition("/")[0] for rules in tally.allows.values() for rule in rules}
    return [name for name in action.policies if name not in allowing]


def _weigh(prepared: _Prepared, action: Action, place: Destination, given: _Now, tally: Tally) -> None:
    """Ask every policy about one of the places that an action reaches."""
    before, tally.allows = tally.allows, {}
    for bearing in prepared.bearings:
        bearing.weigh(action, place, given.ledger, given.marks, given.now, given.own, tally)
    if not prepared.required or not prepared.required <= tally.allows.keys():
        tally.is_unallowed = True
    for breadth, rules in before.items():
        tally.allows.setdefault(breadth, []).extend(rules)


def _prevailing(tally: Tally) -> tuple[int, tuple[str, ...], list[str]]:
    """Rank, rules and sentences of what prevails."""
    rank = max([finding.rank for finding in tally.findings]) if tally.findings else ALLOW
    if rank < DENY and tally.is_unallowed:
        return DENY, (DEFAULT,), []
    if rank == ALLOW:
        allows = tally.allows
        if len(allows) == 1:
            (rules,) = allows.values()
        else:
            rules = [rule for breadth in sorted(allows) for rule in allows[breadth]]
        return ALLOW, _once(rules), []
    return rank, *_told([finding for finding in tally.findings if finding.rank == rank])


def _until(tally: Tally) -> int:
    return max(finding.until for finding in tally.findings if finding.rank == DEFER)


def _deferral(tally: Tally) -> Deferral | None:
    """What an action that people are asked about has to wait for as well: their yes is no leave to hurry."""
    waits = [finding for finding in tally.findings if finding.rank == DEFER]
    if not waits:
        return None
    rules, messages = _told(waits)
    return Deferral(rules, _sentence(messages) if messages else "", _until(tally))


def _told(findings: Iterable[Finding]) -> tuple[tuple[str, ...], list[str]]:
    listed = list(findings)
    rules = tuple(dict.fromkeys(finding.rule for finding in listed))
    return rules, list(dict.fromkeys(finding.message for finding in listed if finding.message))


def _once(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts)) if texts else ()


def _sentence(messages: list[str]) -> str:
    more = len(messages) - MESSAGES_MAX
    return "; ".join(messages[:MESSAGES_MAX]) + (f"; and {more} more" if more > 0 else "")


def _names(policies: Iterable[Compiled]) -> str:
    listed = [one.version.name for one in policies]
    more = len(listed) - MESSAGES_MAX
    return ", ".join(listed[:MESSAGES_MAX]) + (f" and {more} more" if more > 0 else "")


def _described(action: Action) -> str:
    """An action for people."""
    what = action.target or action.capability
    if action.kind == "agent":
        what = f"agent {action.target}" + (f" ({action.capability})" if action.capability else "")
    elif action.kind not in ("http", "openapi", "process") or not what:
        what = f"{action.kind} {what}".rstrip()
    if not action.agent and not action.roles:
        return f"{what} by workflow {action.workflow}" if action.workflow else what
    roles = f" ({', '.join(action.roles)})" if action.roles else ""
    return f"{what} by agent {action.agent}{roles}"


def _names_hosts(policy: Compiled) -> bool:
    version = policy.version
    sections: list[Any] = [
        *version.budgets, *version.rates, *version.quotas, *version.sequences, *version.windows,
        *version.egress, *version.rules,
    ]  # fmt: skip
    return any(match.hosts for match in (version.applies_to, *(one.match for one in sections)))

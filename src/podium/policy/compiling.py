"""Compiling: a declared policy becomes something that decides, or a list of what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import msgspec

from podium.facts.identity import digest_of
from podium.facts.policy_version import Egress, Match, PolicyVersion, Rule
from podium.facts.values import Problem
from podium.policy.destinations import DestinationInvalid
from podium.policy.findings import Consequence, consequence_of
from podium.policy.hours import Calendar
from podium.policy.matching import breadth
from podium.policy.reaching import domain_of
from podium.policy.zones import zone

if TYPE_CHECKING:
    from podium.policy.cel import Expression

RANKS = {"allow": 1, "approve": 3, "deny": 4}


class CompiledRule:
    """A rule with its expressions.

    Attributes:
        name: `policy/id`.
        condition: None where it always holds.
        sentence: what makes its message; None where that is fixed.
    """

    __slots__ = ("condition", "name", "rank", "rule", "sentence")

    def __init__(
        self, policy: str, rule: Rule, condition: Expression | None, sentence: Expression | None
    ) -> None:
        self.rule, self.name, self.rank = rule, f"{policy}/{rule.id}", RANKS[rule.effect]
        self.condition, self.sentence = condition, sentence


class Compiled:
    """A policy that decides.

    Attributes:
        digest: of what was declared.
        breadth: how narrow its scope is; of several, the wider ones bound the narrower.
        allows: whether it has rules that allow anything: one that has none only restricts.
    """

    __slots__ = (
        "allows", "breadth", "calendars", "digest", "on_error", "rules", "version", "where",
    )  # fmt: skip

    def __init__(self, version: PolicyVersion, digest: str, rules: list[CompiledRule], where: tzinfo) -> None:
        self.version, self.digest, self.rules, self.where = version, digest, rules, where
        self.breadth = breadth(version.applies_to)
        self.allows = any(rule.rule.effect == "allow" for rule in rules)
        self.on_error: Consequence = consequence_of(version.on_error)
        self.calendars = [Calendar(hours) for hours in version.windows]


def compile_policy(version: PolicyVersion, digest: str = "") -> tuple[Compiled | None, list[Problem]]:
    """A policy that decides, or what is wrong with it; its tests are not run.

    Args:
        digest: of what was declared; made if it is not given.
    """
    problems: list[Problem] = [*_zones(version), *_tiers(version), *_repeats(version)]
    usual = _usual(version, problems)
    rules = [
        _rule(version, rule, f"/spec/rules/{number}", problems) for number, rule in enumerate(usual.rules)
    ]
    where = zone(version.timezone)
    if problems or where is None:
        return None, problems
    digest = digest or digest_of(msgspec.to_builtins(version))
    return Compiled(usual, digest, rules, where), []


def _rule(version: PolicyVersion, rule: Rule, path: str, problems: list[Problem]) -> CompiledRule:
    condition = _expression(rule.when, "condition", f"{path}/when", problems)
    sentence = _expression(rule.message_expression, "message", f"{path}/messageExpr", problems)
    return CompiledRule(version.name, rule, condition, sentence)


def _expression(text: str, what: str, path: str, problems: list[Problem]) -> Expression | None:
    if not text:
        return None
    from podium.policy import cel

    try:
        return cel.condition(text) if what == "condition" else cel.message(text)
    except cel.CelInvalid as error:
        place = f"line {error.line}, column {error.column} of it: " if error.line > 1 else ""
        place = place or (f"column {error.column} of it: " if error.column else "")
        problems.append(Problem("expression", path, f"`{text[:80]}` does not compile: {place}{error}"))
        return None


# --- what is wrong ------------------------------------------------------------------------------


def _zones(version: PolicyVersion) -> Iterator[Problem]:
    named = [
        (version.timezone, "/spec/timezone"),
        *((one.timezone, f"/spec/windows/{n}/timezone") for n, one in enumerate(version.windows)),
        *((one.window.timezone, f"/spec/quotas/{n}/window/timezone") for n, one in enumerate(version.quotas)),
        *(
            (one.window.timezone, f"/spec/budgets/{n}/window/timezone")
            for n, one in enumerate(version.budgets)
            if one.window is not None
        ),
    ]
    for name, path in named:
        if zone(name) is None:
            yield Problem(
                "timezone", path, f"`{name[:60]}` is no time zone; write for example `Europe/Paris`"
            )


def _tiers(version: PolicyVersion) -> Iterator[Problem]:
    asked: list[tuple[str, str]] = [(version.on_error, "/spec/onError")]
    asked += [(one.on_exhausted, f"/spec/budgets/{n}/onExhausted") for n, one in enumerate(version.budgets)]
    asked += [(one.over, f"/spec/rateLimits/{n}/onLimit") for n, one in enumerate(version.rates)]
    asked += [(one.over, f"/spec/quotas/{n}/over") for n, one in enumerate(version.quotas)]
    asked += [(one.otherwise, f"/spec/sequences/{n}/else") for n, one in enumerate(version.sequences)]
    asked += [(one.closed, f"/spec/windows/{n}/closed") for n, one in enumerate(version.windows)]
    asked.append((version.reservation.unknown_price, "/spec/reservation/unknownPrice"))
    asked.append((version.reservation.when_held, "/spec/reservation/whenHeldNotSpent"))
    asked += [
        (f"approve:{one.tier}", f"/spec/rules/{n}/tier") for n, one in enumerate(version.rules) if one.tier
    ]
    asked += [
        (f"approve:{tier.on_timeout}", f"/spec/tiers/{name}/onTimeout")
        for name, tier in version.tiers.items()
        if tier.on_timeout != "deny"
    ]
    for text, path in asked:
        name = text.removeprefix("approve:")
        if text.startswith("approve:") and name not in version.tiers:
            known = ", ".join(version.tiers) or "none"
            yield Problem("unknown-tier", path, f"no tier is named {name}; those in `tiers`: {known}")
    for name, tier in version.tiers.items():
        if tier.on_timeout != "deny" and not tier.timeout_ms:
            yield Problem(
                "tier", f"/spec/tiers/{name}", "nobody is asked instead where there is no `timeout`"
            )
        if tier.on_timeout in version.tiers and int(tier.on_timeout) <= int(name):
            message = "silence must lead to a higher tier, so that it ends"
            yield Problem("tier", f"/spec/tiers/{name}/onTimeout", message)


def _repeats(version: PolicyVersion) -> Iterator[Problem]:
    lists: list[tuple[str, str, Iterable[str]]] = [
        ("rules", "id", (one.id for one in version.rules)),
        ("budgets", "name", (one.name for one in version.budgets)),
        ("rateLimits", "name", (one.name for one in version.rates)),
        ("quotas", "name", (one.name for one in version.quotas)),
        ("sequences", "name", (one.name for one in version.sequences)),
        ("windows", "name", (one.name for one in version.windows)),
        ("egress", "name", (one.name for one in version.egress)),
        ("tests", "name", (one.name for one in version.tests)),
    ]
    for field, member, names in lists:
        seen: set[str] = set()
        for number, name in enumerate(names):
            if name in seen:
                path = f"/spec/{field}/{number}/{member}"
                yield Problem("repeated-name", path, f"`{name}` is the {member} of another one in `{field}`")
            seen.add(name)


# --- hosts in their usual form ------------------------------------------------------------------


def _usual(version: PolicyVersion, problems: list[Problem]) -> PolicyVersion:
    """The policy with every host as destinations have it."""

    def hosts(names: tuple[str, ...], path: str) -> tuple[str, ...]:
        found = []
        for number, name in enumerate(names):
            try:
                found.append(domain_of(name))
            except DestinationInvalid as error:
                problems.append(Problem("host", f"{path}/{number}", str(error)))
        return tuple(found)

    def meant(match: Match, path: str) -> Match:
        return (
            msgspec.structs.replace(match, hosts=hosts(match.hosts, f"{path}/hosts"))
            if match.hosts
            else match
        )

    def each(field: str, items: tuple[Any, ...], inner: str = "match") -> tuple[Any, ...]:
        return tuple(
            msgspec.structs.replace(one, match=meant(one.match, f"/spec/{field}/{number}/{inner}"))
            for number, one in enumerate(items)
        )

    egress: list[Egress] = [
        msgspec.structs.replace(one, domains=hosts(one.domains, f"/spec/egress/{number}/domains"))
        for number, one in enumerate(version.egress)
    ]
    return msgspec.structs.replace(
        version,
        applies_to=meant(version.applies_to, "/spec/appliesTo"),
        budgets=each("budgets", version.budgets), rates=each("rateLimits", version.rates, "target"),
        quotas=each("quotas", version.quotas), sequences=each("sequences", version.sequences),
        windows=each("windows", version.windows), rules=each("rules", version.rules),
        egress=each("egress", tuple(egress)),
        data=tuple(
            msgspec.structs.replace(
                one, never_domains=hosts(one.never_domains, f"/spec/data/{number}/neverTo/domains")
            )
            for number, one in enumerate(version.data)
        ),
    )  # fmt: skip

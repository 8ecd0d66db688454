"""Policies as they are written: all that can be said, and every mistake at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from podium.facts.policy_version import PolicyVersion
from podium.resources.manifest import Document, read_text
from podium.resources.policy import TEST_VALUES
from podium.resources.policy_values import parse_dates, parse_hours, parse_percent, parse_rate, parse_span
from podium.resources.quantities import QuantityInvalid
from podium.resources.troubles import Trouble

EXAMPLE = Path(__file__).resolve().parents[1] / "policy" / "finance.yaml"
HEAD = "apiVersion: podium.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n"


def read(spec: str) -> tuple[list[Document], list[Trouble]]:
    """What the lines of a `spec` declare; its first line is line 5."""
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    return read_text(HEAD + lines, "p.yaml", "/")


def normalised(spec: str) -> dict[str, Any]:
    documents, troubles = read(spec)
    assert troubles == []
    return documents[0].spec


def test_the_example_is_read_whole() -> None:
    documents, troubles = read_text(EXAMPLE.read_bytes(), "finance.yaml", "/")
    assert troubles == []
    (document,) = documents
    assert (document.kind, document.name) == ("Policy", "finance-agents")
    policy = msgspec.convert(document.spec, PolicyVersion)
    assert msgspec.json.decode(msgspec.json.encode(policy)) == document.spec
    for field in PolicyVersion.__struct_fields__:
        if field not in ("labels", "mode", "timezone", "on_error"):
            assert getattr(policy, field), field


def test_a_version_is_made_of_the_content() -> None:
    one, same, other = (
        read(f"rules: [{{id: a, effect: {effect}}}]  # {comment}")[0][0]
        for effect, comment in (("deny", "x"), ("deny", "y"), ("allow", "x"))
    )
    assert one.version == same.version != other.version
    assert one.version.startswith("0.0.0+")
    assert read('version: "1.2.3"\nrules: []')[0][0].version == "1.2.3"


def test_what_has_its_default_is_left_out() -> None:
    spec = normalised(
        "mode: enforce\nonError: deny\nrules: []\nagents: {}\nreservation: {whenHeldNotSpent: queue}"
    )
    assert set(spec) == {"name", "version"}


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("500ms", 500),
        ("30s", 30_000),
        ("15m", 900_000),
        ("4h", 14_400_000),
        ("7d", 604_800_000),
        ("2w", 1_209_600_000),
        ("PT30S", 30_000),
        ({"minutes": 2}, 120_000),
    ],
)
def test_spans(written: object, ms: int) -> None:
    assert parse_span(written) == ms


@pytest.mark.parametrize(
    "written", ["", "30", 30, "30 s", "1.5h", "-1h", "h", "1h30m", "30S", None, "99999w", "٣s"]
)
def test_no_spans(written: object) -> None:
    with pytest.raises(QuantityInvalid):
        parse_span(written)


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("5000/h", (5000, 3_600_000)),
        ("3/d", (3, 86_400_000)),
        ("10/s", (10, 1000)),
        ("100/30s", (100, 30_000)),
    ],
)
def test_rates(written: str, rate: tuple[int, int]) -> None:
    assert parse_rate(written) == rate


@pytest.mark.parametrize(
    "written", ["", "10", 10, "0/s", "10/0s", "-1/s", "10/w", "10 / s", "10/", "/s", "1.5/s"]
)
def test_no_rates(written: object) -> None:
    with pytest.raises(QuantityInvalid):
        parse_rate(written)


@pytest.mark.parametrize("written", ["50", 50, "0%", "101%", "-5%", "5.5%", ""])
def test_no_percents(written: object) -> None:
    with pytest.raises(QuantityInvalid):
        parse_percent(written)
    assert parse_percent("80%") == 80


@pytest.mark.parametrize(
    ("written", "spans"),
    [
        ("Mon-Fri 08:00-18:00", [((0, 1, 2, 3, 4), 480, 1080)]),
        ("Sat,Sun", [((5, 6), 0, 1440)]),
        ("Fri-Mon", [((0, 4, 5, 6), 0, 1440)]),
        ("Mon,Wed-Fri 00:00-24:00", [((0, 2, 3, 4), 0, 1440)]),
        ("09:30-17:15", [(tuple(range(7)), 570, 1035)]),
        ("Sun 22:00-06:00", [((6,), 1320, 1440), ((0,), 0, 360)]),
        ("Sun 22:00-00:00", [((6,), 1320, 1440)]),
    ],
)
def test_hours(written: str, spans: list[tuple[tuple[int, ...], int, int]]) -> None:
    assert [(tuple(one["days"]), one["start"], one["until"]) for one in parse_hours(written)] == spans


@pytest.mark.parametrize(
    "written",
    ["", "Mo 08:00-09:00", "mon", "Monday", "08:00", "8:00-9:00", "08:00-25:00", "08:60-09:00", "08:00-08:00",
     "Mon-Fri 08:00-18:00 ", "Mon Fri", "24:00-08:00", 8, None, "Mon-Fri-Sun"],
)  # fmt: skip
def test_no_hours(written: object) -> None:
    with pytest.raises(QuantityInvalid):
        parse_hours(written)


@pytest.mark.parametrize(
    "written",
    ["", "2026-13-01", "25.12.2026", "2026-12-26..2026-12-24", 2026, "20261225", "2026-12-24..", None],
)
def test_no_dates(written: object) -> None:
    with pytest.raises(QuantityInvalid):
        parse_dates(written)
    assert parse_dates("2026-12-24..2026-12-26") == "2026-12-24..2026-12-26"


CORPUS = [
    # spec, line, column, rule, and what the message says
    ("defaultAction: deny", 5, 3, "unknown-field", "not a field of `spec`"),
    ("Rules: []", 5, 3, "unknown-field", "Did you mean `rules`?"),
    ("appliesto: {roles: [a]}", 5, 3, "unknown-field", "Did you mean `appliesTo`?"),
    ("onError: allow", 5, 12, "consequence", "`allow` is not legal"),
    ("onError: Deny", 5, 12, "consequence", "`Deny` is nothing that can follow"),
    ("onError: approve:0", 5, 12, "consequence", "approve:0"),
    ("onError: queue", 5, 12, "consequence", "queue"),
    ("mode: audit", 5, 9, "unknown-value", "`enforce`, `observe`"),
    ("mode:", 5, 3, "wrong-type", "empty"),
    ("rules:", 5, 3, "wrong-type", "empty"),
    ("rules: {}", 5, 10, "wrong-type", "a list"),
    ("rules: [deny]", 5, 11, "wrong-type", "an object"),
    ("rules: []\nrules: []", 6, 3, "duplicate-key", "given twice"),
    ("rules:\n- {id: a, effect: deny, effect: allow}", 6, 27, "duplicate-key", "`effect` is given twice"),
    ("rules:\n- {id: a, effect: Allow}", 6, 21, "unknown-value", "Did you mean `allow`?"),
    ("rules:\n- {effect: deny}", 6, 5, "missing-field", "`id` is missing"),
    ("rules:\n- {id: a}", 6, 5, "missing-field", "`effect` is missing"),
    ("rules:\n- {id: 'a b', effect: deny}", 6, 10, "name", "is not a name"),
    ("rules:\n- {id: a, effect: approve}", 6, 5, "rule-tier", "if, and only if"),
    ("rules:\n- {id: a, effect: deny, tier: 1}", 6, 5, "rule-tier", "if, and only if"),
    ("rules:\n- {id: a, effect: approve, tier: '1'}", 6, 36, "wrong-type", "a whole number"),
    ("rules:\n- {id: a, effect: approve, tier: 1.0}", 6, 36, "wrong-type", "a whole number"),
    ("rules:\n- {id: a, effect: approve, tier: true}", 6, 36, "wrong-type", "a whole number"),
    ("rules:\n- {id: a, effect: deny, when: true}", 6, 33, "wrong-type", "text"),
    ("rules:\n- {id: a, effect: deny, when: ''}", 6, 33, "invalid", "at least 1"),
    ("rules:\n- id: a\n  effect: deny\n  when: !has(args.x)", 8, 11, "yaml-tag", "quotes"),
    ("rules:\n- {id: a, effect: deny, when: !has(args.x)}", 6, 33, "yaml-syntax", "quotes"),
    ("rules:\n- {id: a, effect: deny, message: x, messageExpr: '\"x\"'}", 6, 5, "rule-message", "not both"),
    ("rules:\n- {id: a, effect: deny, match: {tool: x}}", 6, 35, "unknown-field", "Did you mean `tools`?"),
    ("rules:\n- {id: a, effect: deny, match: {toolgroups: [x]}}", 6, 35, "unknown-field", "`toolGroups`?"),
    ("rules:\n- {id: a, effect: deny, match: {tools: x}}", 6, 42, "wrong-type", "a list"),
    ("rules:\n- {id: a, effect: deny, match: {tools: []}}", 6, 42, "empty", "would match nothing"),
    ("rules:\n- {id: a, effect: deny, match: {tools: ['a*b']}}", 6, 43, "pattern", "one `*`"),
    ("rules:\n- {id: a, effect: deny, match: {kinds: [llm]}}", 6, 43, "unknown-value", "`agent`"),
    ("rules:\n- {id: a, effect: deny, match: {external: 1}}", 6, 45, "wrong-type", "true or false"),
    ("rules:\n- {id: a, effect: deny, match: {minRisk: 6}}", 6, 44, "out-of-range", "at most 5"),
    ("rules:\n- {id: a, effect: deny, match: {hosts: ['https://x.y']}}", 6, 43, "host", "a host"),
    ("budgets:\n- {name: a, scope: run, limit: {usd: '1'}}", 6, 22, "wrong-type", "a list"),
    (
        "budgets:\n- {name: a, scope: [runs], limit: {usd: '1'}}",
        6,
        23,
        "unknown-value",
        "Did you mean `run`?",
    ),
    ("budgets:\n- {name: a, scope: [run], limit: {}}", 6, 36, "empty", "must limit something"),
    ("budgets:\n- {name: a, scope: [run], limit: {usd: 1.0}}", 6, 42, "money", "write it as text"),
    ("budgets:\n- {name: a, scope: [run], limit: {usd: '-1'}}", 6, 42, "money", "no amount"),
    ("budgets:\n- {name: a, scope: [run], limit: {eur: '1'}}", 6, 37, "unknown-field", "usd"),
    ("budgets:\n- {name: a, scope: [run], limit: {toolcalls: 1}}", 6, 37, "unknown-field", "toolCalls"),
    ("budgets:\n- {name: a, scope: [run], limit: {calls: -1}}", 6, 44, "out-of-range", "at least 0"),
    ("budgets:\n- {name: a, scope: [run], limit: {wallTime: 2}}", 6, 47, "duration", "15m"),
    (
        "budgets:\n- {name: a, scope: [run], limit: {calls: 1}, window: {per: dekade}}",
        6,
        62,
        "unknown-value",
        "`day`",
    ),
    ("budgets:\n- {name: a, scope: [run], limit: {calls: 1}, window: day}", 6, 56, "wrong-type", "an object"),
    ("budgets:\n- {name: a, scope: [run], limit: {calls: 1}, warnAt: [80]}", 6, 57, "percent", "80%"),
    (
        "budgets:\n- {name: a, scope: [run], limit: {calls: 1}, onExhausted: allow}",
        6,
        61,
        "consequence",
        "not legal",
    ),
    ("budgets:\n- {scope: [run], limit: {calls: 1}}", 6, 5, "missing-field", "`name` is missing"),
    ("reservation: {unknownPrice: free}", 5, 31, "consequence", "free"),
    ("reservation: {holdTtl: 1m}", 5, 17, "unknown-field", "Did you mean `holdTTL`?"),
    ("reservation: {outputTokens: 4096}", 5, 31, "wrong-type", "an object"),
    ("rateLimits:\n- {name: a}", 6, 5, "empty", "`limit`"),
    ("rateLimits:\n- {name: a, limit: 5000}", 6, 22, "rate", "5000/h"),
    ("rateLimits:\n- {name: a, limit: 5/h, burst: 6}", 6, 5, "burst", "more than"),
    (
        "rateLimits:\n- {name: a, limit: 5/h, target: {host: x.y}, match: {tools: [a]}}",
        6,
        5,
        "target",
        "not both",
    ),
    ("quotas:\n- {name: a}", 6, 5, "quota", "`count`"),
    ("quotas:\n- {name: a, count: 3/h, limit: 5}", 6, 5, "quota", "`count`"),
    ("quotas:\n- {name: a, count: 3/h, sum: args.x}", 6, 5, "quota", "counts calls"),
    ("quotas:\n- {name: a, limit: 5}", 6, 5, "quota", "`window`"),
    ("quotas:\n- {name: a, sum: amount, limit: 5, window: {per: day}}", 6, 20, "path", "args.amount"),
    ("sequences:\n- {name: a}", 6, 5, "sequence", "either"),
    ("sequences:\n- {name: a, require: {tools: [x]}, forbidAfter: {tools: [y]}}", 6, 5, "sequence", "either"),
    ("sequences:\n- {name: a, require: {within: 1h}}", 6, 24, "empty", "Name `tools`"),
    ("sequences:\n- {name: a, require: {tools: [x]}, else: allow}", 6, 44, "consequence", "not legal"),
    ("windows:\n- {name: a, open: []}", 6, 21, "empty", "at least one"),
    ("windows:\n- {name: a, open: ['Mon-Fri 8-18']}", 6, 22, "hours", "08:00-18:00"),
    ("windows:\n- {name: a, open: [Mo]}", 6, 22, "hours", "Did you mean `Mon`?"),
    ("windows:\n- {name: a, open: [Mon], closed: queue}", 6, 36, "consequence", "`hold`"),
    ("windows:\n- {name: a, open: [Mon], blackout: [25.12.2026]}", 6, 39, "date", "2026-12-25"),
    ("egress:\n- {domains: ['*']}", 6, 16, "host", "a host"),
    ("egress:\n- {domains: [x.y], methods: [get]}", 6, 32, "unknown-value", "Did you mean `GET`?"),
    ("egress:\n- {domains: [x.y], denyPrivateRange: false}", 6, 22, "unknown-field", "`denyPrivateRanges`?"),
    ("data:\n- {labels: []}", 6, 14, "empty", "at least one"),
    ("data:\n- {labels: [pii], neverTo: external}", 6, 30, "wrong-type", "an object"),
    ("tiers: {one: {}}", 5, 11, "tier", "a tier's number"),
    ("tiers: {0: {}}", 5, 11, "tier", "from 1"),
    ("tiers: {1: {quorum: 0}}", 5, 23, "out-of-range", "at least 1"),
    ("tiers: {1: {onTimeout: allow}}", 5, 26, "on-timeout", "`deny` or `ask:2`"),
    ("tiers: {1: {stepUp: webauthn}}", 5, 23, "not-enforced", "not yet enforced; remove it"),
    (
        "budgets:\n- {name: a, scope: [run], limit: {modelCalls: 2}}",
        6,
        49,
        "not-enforced",
        "not yet enforced; remove it",
    ),
    ("rules:\n- {id: a, effect: deny, match: {kinds: [model]}}", 6, 43, "unknown-value", "`agent`"),
    ("tiers: {1: {bind: tool}}", 5, 21, "unknown-value", "exactArgs"),
    ("tiers: {1: {approvers: [operator]}}", 5, 26, "wrong-type", "an object"),
    ("agents: {state: [active]}", 5, 12, "unknown-field", "Did you mean `states`?"),
    ("agents: {requireAttested: {minToolRisk: 9}}", 5, 43, "out-of-range", "at most 5"),
    (
        "tests:\n- {name: a, with: {agnt.roles: [x]}, expect: {decision: deny}}",
        6,
        5,
        "unknown-value",
        "`agent.roles`?",
    ),
    (
        "tests:\n- {name: a, with: {agent.roles: x}, expect: {decision: deny}}",
        6,
        5,
        "wrong-type",
        "a list of texts",
    ),
    ("tests:\n- {name: a, with: {now: yesterday}, expect: {decision: deny}}", 6, 5, "wrong-type", "a moment"),
    (
        "tests:\n- {name: a, with: {}, expect: {decision: denied}}",
        6,
        44,
        "unknown-value",
        "Did you mean `deny`?",
    ),
    ("tests:\n- {name: a, with: {}}", 6, 5, "missing-field", "`expect` is missing"),
    (
        "tests:\n- {name: a, with: {}, after: [{tol: x}], expect: {decision: deny}}",
        6,
        5,
        "unknown-value",
        "`tool`?",
    ),
    ("version: 1.0", 5, 12, "wrong-type", "put it in quotes"),
]


@pytest.mark.parametrize(("spec", "line", "column", "rule", "said"), CORPUS)
def test_mistakes(spec: str, line: int, column: int, rule: str, said: str) -> None:
    documents, troubles = read(spec)
    assert documents == []
    assert (troubles[0].line, troubles[0].column, troubles[0].rule) == (line, column, rule)
    assert said in troubles[0].message
    assert troubles[0].file == "p.yaml"


def test_every_value_of_a_test_is_checked() -> None:
    wrong: dict[str, Any] = {"a list of texts": "x", "a whole number": "1", "true or false": 1, "text": 5}
    for name, what in TEST_VALUES.items():
        value = wrong.get(what, [1])
        documents, troubles = read(
            f"tests: [{{name: t, with: {{{name}: {value!r}}}, expect: {{decision: deny}}}}]"
        )
        assert documents == []
        assert name in troubles[0].message


@pytest.mark.parametrize(
    "metadata", ["{name: P}", "{name: p, Description: x}", "{}", "{name: p, labels: {a: 1}}"]
)
def test_metadata_is_strict_too(metadata: str) -> None:
    text = HEAD.replace("{name: p}", metadata) + "  rules: []\n"
    documents, troubles = read_text(text, "p.yaml", "/")
    assert documents == []
    assert troubles[0].line == 3

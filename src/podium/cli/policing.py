"""`policy test`, `policy explain`, `policy coverage` and `policy show`: policies without acting on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.declaring import named, placed, told
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import colours, money, plural, say, show_json, show_line, show_one, show_table, span
from podium.cli.values import decoded, document

if TYPE_CHECKING:
    from podium.facts.policy import Action, Decision
    from podium.policy.compiling import Compiled
    from podium.policy.explaining import Explanation
    from podium.policy.rehearsing import Outcome
    from podium.resources.manifest import Document

Given = Annotated[Options, Parameter(parse=False)]

_LISTS = ("agent.roles", "tool.groups", "data.labels", "result.labels")


def test(*paths: Path, options: Given) -> int:
    """Run the tests that policies hold.

    Parameters
    ----------
    paths
        Manifests, or folders of them.
    """
    from podium.policy.rehearsing import rehearse

    failed = count = 0
    rows: list[dict[str, Any]] = []
    for document_, policy in _policies(named(paths)):
        for number, outcome in enumerate(rehearse(policy)):
            count, failed = count + 1, failed + bool(outcome.failure)
            rows.append(_row(document_, number, outcome))
    _show_tests(rows, options)
    say(f"{plural(count, 'test')}, {failed} failed" if failed else f"{plural(count, 'test')}, all well")
    return Exit.FAILED if failed else Exit.OK


def _row(document_: Document, number: int, outcome: Outcome) -> dict[str, Any]:
    line, column = document_.place(f"/spec/tests/{number}")
    decision = outcome.decision
    return {
        "policy": document_.name, "test": outcome.test.name, "passed": not outcome.failure,
        "decision": decision.verdict, "tier": decision.tier, "by": list(decision.rules),
        "failure": outcome.failure, "file": document_.file, "line": line, "column": column,
    }  # fmt: skip


def _show_tests(rows: list[dict[str, Any]], options: Options) -> None:
    if options.format in ("json", "jsonl"):
        _show_list(rows, options)
        return
    for row in rows:
        mark = "ok    " if row["passed"] else "FAILED"
        place = "" if row["passed"] else f"  {row['file']}:{row['line']}:{row['column']}"
        print(f"{_coloured(mark, '32' if row['passed'] else '31')}  {row['policy']}: {row['test']}{place}")
        if row["failure"]:
            print(f"        {row['failure']}")


def explain(
    *paths: Path, action: str = "",
    value: Annotated[Sequence[str], Parameter(name=("--value", "-v"))] = (),
    test: str = "", options: Given,
) -> int:  # fmt: skip
    """Decide an action that is written down, and tell why; nothing is done.

    Parameters
    ----------
    paths
        Manifests of policies, or folders of them; the policies in force if left out.
    action
        The action as JSON, or `@file` of JSON or YAML: what a test has under `with`.
    value
        One of its values, `tool=payments.transfer`, `args.amount=500`, `agent.roles=finance,support`.
    test
        Name of a test of the policies whose action it is.
    """
    from podium.policy.deciding import PolicySet
    from podium.policy.explaining import explain as explained
    from podium.policy.explaining import shown
    from podium.policy.rehearsing import scene_of

    policies = [policy for _, policy in _policies(paths)] if paths else _in_force(options)
    values = _values(action, value, test, policies)
    try:
        scene = scene_of(values, policies[0].version)
    except (ValueError, TypeError) as error:
        raise Stop(Exit.USAGE, f"that is no action: {error}") from None
    found = explained(PolicySet(policies), scene.action, scene.at)
    if options.format in ("json", "jsonl"):
        show_one(shown(found), options.format)
    else:
        _tell(found, scene.action)
    return Exit.OK if found.decision.verdict == "allow" else Exit.REFUSED


def _values(action: str, given: Sequence[str], test: str, policies: Sequence[Compiled]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if test:
        found = [one for policy in policies for one in policy.version.tests if one.name == test]
        if not found:
            raise Stop(Exit.NOT_FOUND, f"no test is named {test!r}")
        values.update(found[0].action)
    if action:
        whole = _document(action)
        if not isinstance(whole, dict):
            raise Stop(Exit.USAGE, "an action is an object of values, {tool: payments.transfer}")
        values.update(whole)
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            raise Stop(Exit.USAGE, f"{item!r} is not written as name=value")
        _set(values, name, text)
    if not values:
        raise Stop(
            Exit.USAGE, "no action is given", "say what it is with `--value tool=NAME`, or `--test NAME`"
        )
    _check(values)
    return values


def _set(values: dict[str, Any], name: str, text: str) -> None:
    if name in _LISTS and not text.startswith("["):
        values[name] = [part for part in text.split(",") if part]
        return
    try:
        value = decoded(text)
    except ValueError:
        value = text
    if name.startswith("args."):
        inner = values["args"] = dict(values.get("args") or {})
        *folders, last = name.split(".")[1:]
        for part in folders:
            inner[part] = dict(inner.get(part) or {})
            inner = inner[part]
        inner[last] = value
    else:
        is_amount = name == "cost.usd" and value is not None
        values[name] = text if is_amount or isinstance(value, float) else value


def _check(values: dict[str, Any]) -> None:
    from pydantic import ValidationError

    from podium.resources.policy import Test

    try:
        Test.model_validate({"name": "action", "with": values, "expect": {"decision": "allow"}})
    except ValidationError as error:
        raise Stop(Exit.USAGE, f"that is no action: {error.errors()[0]['msg']}") from None


def _document(given: str) -> Any:
    """JSON, or the JSON or YAML of a file."""
    if not given.startswith("@"):
        return document(given)
    from podium.resources.places import compose

    try:
        data = Path(given[1:]).read_bytes()
    except OSError as error:
        raise Stop(Exit.NOT_FOUND, f"{given[1:]} cannot be read: {error.strerror}") from None
    trees, troubles = compose(data, given[1:])
    if troubles:
        first = troubles[0]
        raise Stop(Exit.USAGE, f"{first.file}:{first.line}:{first.column}: {first.message}")
    return trees[0][0].value if trees else None


def _tell(found: Explanation, action: Action) -> None:
    decision = found.decision
    tier = f" (tier {decision.tier})" if decision.tier else ""
    print(f"{_coloured(decision.verdict + tier, _COLOURS[decision.verdict])} by {', '.join(decision.rules)}")
    if decision.message:
        print(f"  {decision.message}")
    if decision.terms is not None:
        who = " or ".join(decision.terms.roles) or "anybody"
        others = ", not who asked for it" if decision.terms.others else ""
        print(f"  asks {decision.terms.quorum} of: {who}{others}")
    if decision.until:
        from podium.cli.output import moment

        print(f"  is decided again at {moment(decision.until)}")
    print()
    show_table(
        ("rule", "says", "why"),
        [(line.rule, f"{line.says}{f' {line.tier}' if line.tier else ''}", line.why) for line in found.lines],
    )
    for name in found.apart:
        print(f"{name} is about other actions")
    _tell_values(decision)
    if found.groups:
        print(f"\nThe tool {action.target} is in the groups {', '.join(found.groups)}.")


def _tell_values(decision: Decision) -> None:
    if decision.reads:
        print()
        show_table(("read", "value"), [(name, repr(value)) for name, value in sorted(decision.reads.items())])
    if decision.holds:
        print()
        rows = [(one.counter.split(":", 1)[1], _amount(one.counter[1], one.amount)) for one in decision.holds]
        show_table(("would hold", "amount"), rows)


def _amount(unit: str, amount: int) -> str:
    return money(amount) if unit == "n" else span(amount) if unit == "m" else str(amount)


def coverage(*paths: Path, options: Given) -> int:
    """Tell which parts of policies no test reaches, and which can never match.

    Parameters
    ----------
    paths
        Manifests, or folders of them; where they declare tools, rules must be about one of those.
    """
    from podium.policy.covering import never, parts, reached
    from podium.policy.rehearsing import rehearse

    documents = _documents(named(paths))
    tools = [one.name for one in documents if one.kind == "Tool"]
    rows: list[dict[str, Any]] = []
    for _, policy in _compiled(documents):
        version = policy.version
        hit = reached(version, rehearse(policy))
        hopeless = dict(never(policy, tools))
        for part in parts(version):
            state = "never" if part in hopeless else "tested" if part in hit else "untested"
            rows.append({"policy": version.name, "part": part, "state": state, "why": hopeless.get(part, "")})
    if options.format in ("json", "jsonl"):
        _show_list(rows, options)
    else:
        show_table(("policy", "part", "state", "why"), [tuple(row.values()) for row in rows])
    tested = sum(row["state"] == "tested" for row in rows)
    dead = sum(row["state"] == "never" for row in rows)
    say(f"{tested} of {plural(len(rows), 'part')} tested" + (f", {dead} can never match" if dead else ""))
    return Exit.FAILED if dead else Exit.OK


def show(name: str, /, *, options: Given) -> int:
    """Show a policy in force as the hub decides by it; `development` is the built-in one.

    Parameters
    ----------
    name
        Of the policy.
    """
    import msgspec

    from podium.policy.development import DEVELOPMENT, NAME

    if name == NAME:
        show_one(msgspec.to_builtins(DEVELOPMENT), options.format)
        return Exit.OK
    with hubs.looked_at(options.state) as client:
        show_one(client.revision(name, "current", "policy")["content"], options.format)
    return Exit.OK


# --- loading ----------------------------------------------------------------------------------


def _policies(paths: Sequence[Path]) -> list[tuple[Document, Compiled]]:
    """The policies that paths declare. Raises Stop."""
    return _compiled(_documents(paths))


def _documents(paths: Sequence[Path]) -> list[Document]:
    from podium.sdk.manifests import load

    loaded = load(paths)
    if loaded.problems:
        missing = not any(map(Path.exists, paths))
        raise Stop(Exit.NOT_FOUND if missing else Exit.USAGE, told(loaded.problems))
    return list(loaded.documents)


def _compiled(documents: Sequence[Document]) -> list[tuple[Document, Compiled]]:
    import msgspec

    from podium.facts.policy_version import PolicyVersion
    from podium.policy.compiling import compile_policy

    found, problems = [], []
    for one in documents:
        if one.kind == "Policy":
            policy, wrong = compile_policy(msgspec.convert(one.spec, PolicyVersion), one.digest)
            problems += [placed(problem, one) for problem in wrong]
            if policy is not None:
                found.append((one, policy))
    if problems:
        raise Stop(Exit.USAGE, told(problems))
    if not found:
        raise Stop(Exit.USAGE, "no policy is declared there", "a policy is a manifest with `kind: Policy`")
    return found


def _in_force(options: Options) -> list[Compiled]:
    """The policies that the hub goes by."""
    import msgspec

    from podium.facts.policy_version import PolicyVersion
    from podium.policy.compiling import compile_policy
    from podium.policy.development import NAME, development

    with hubs.looked_at(options.state) as client:
        names = [row["name"] for row in client.get("policies", limit=1000)]
        contents = [client.revision(name, "current", "policy") for name in names if name != NAME]
    found = [development()] if NAME in names and len(contents) < len(names) else []
    for one in contents:
        policy, problems = compile_policy(msgspec.convert(one["content"], PolicyVersion), one["digest"])
        if policy is None:
            raise Stop(Exit.REFUSED, told(problems))
        found.append(policy)
    return found


def _show_list(rows: list[dict[str, Any]], options: Options) -> None:
    if options.format == "json":
        show_json(rows)
    else:
        for row in rows:
            show_line(row)


_COLOURS = {"allow": "32", "approve": "33", "defer": "33", "deny": "31"}


def _coloured(text: str, colour: str) -> str:
    import sys

    return f"\x1b[{colour}m{text}\x1b[0m" if colours(sys.stdout) else text

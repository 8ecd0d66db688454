"""Whether what a worker registers for fits what is declared; and what it declares where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from podium.contracts.compatibility import Finding, compare
from podium.facts.catalog import VERSIONS, WORKER, AgentVersion, Capability, Declared, ToolVersion
from podium.facts.identity import digest_of
from podium.facts.values import JSON, Problem
from podium.kernel.catalog import Catalog
from podium.runtime.members import (
    CONCURRENCY_MAX,
    LEASE_MS_MAX,
    LEASE_MS_MIN,
    WEIGHT_MAX,
    Hosting,
    Registration,
)

FINDINGS_SHOWN = 3


def contract_digest(agent: AgentVersion) -> str:
    """The digest of what a version promises: name, input and output of each capability."""
    offered = sorted(agent.capabilities, key=lambda one: one.name)
    return digest_of([{"name": one.name, "input": one.input, "output": one.output} for one in offered])


def bounds(told: Registration) -> list[Problem]:
    """What of a registration is out of bounds."""
    problems = []
    for path, value, least, most in (
        ("/concurrency", told.concurrency, 1, CONCURRENCY_MAX),
        ("/weight", told.weight, 1, WEIGHT_MAX),
        ("/lease_ms", told.lease_ms, LEASE_MS_MIN, LEASE_MS_MAX),
        ("/agents", len(told.agents), 1, 1_000),
    ):
        if not least <= value <= most:
            problems.append(Problem("out-of-bounds", path, f"it is {value}; it must be {least} to {most}"))
    if not told.name or not set(told.name.lower()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_"):
        problems.append(Problem("name", "/name", "a worker's name has letters, digits, `-` and `_`"))
    if len(told.name) > 64:
        problems.append(Problem("name", "/name", "a worker's name has 64 characters at most"))
    for number, hosting in enumerate(told.agents):
        name, _, version = hosting.agent.partition("@")
        try:
            if hosting.declared is not None:
                msgspec.convert(hosting.declared, VERSIONS[hosting.kind])
        except msgspec.ValidationError as error:
            problems.append(Problem("declared", f"/agents/{number}/declared", str(error)))
        if not name or not version:
            message = f"{hosting.agent!r} names no version; write `name@1.0.0`"
            problems.append(Problem("agent", f"/agents/{number}/agent", message))
    return problems


def found(catalog: Catalog, hosting: Hosting) -> str:
    """The digest of what a worker wants to host; "" if nothing like that is declared."""
    return catalog.current(hosting.kind, hosting.agent)


def differences(
    catalog: Catalog, digest: str, hosting: Hosting, told: Registration, path: str
) -> list[Problem]:
    """Why a worker may not host a version; nothing if it may.

    Args:
        path: JSON pointer to what it says of it.
    """
    agent = catalog.agents[digest]
    binding = agent.runtime
    if binding.get("type") != WORKER:
        message = (
            f"{hosting.agent} is no work for workers: the hub itself reaches it, as a {binding.get('type')}"
        )
        return [Problem("runtime", f"{path}/agent", f"{message}; declare `runtime: {{worker: {{}}}}`")]
    problems = [*_misplaced(binding, hosting, told)]
    if hosting.contract:
        if hosting.contract != contract_digest(agent) and not hosting.capabilities:
            message = f"it was built for another contract than {hosting.agent} has: {contract_digest(agent)}"
            problems.append(Problem("contract", f"{path}/contract", message))
        elif hosting.contract == contract_digest(agent):
            return problems
    if offered := _offered(hosting):
        problems += _broken(agent, offered, hosting, path)
    return problems


def _offered(hosting: Hosting) -> tuple[Capability, ...]:
    """What a worker says that it offers; nothing if it says nothing, or what is no capability."""
    if hosting.declared is None:
        return hosting.capabilities
    version: Any = msgspec.convert(hosting.declared, VERSIONS[hosting.kind])
    performer: AgentVersion = version.performer() if isinstance(version, ToolVersion) else version
    return performer.capabilities


def _misplaced(binding: dict[str, JSON], hosting: Hosting, told: Registration) -> Iterator[Problem]:
    for name, value in (binding.get("labels") or {}).items():
        if told.labels.get(name) != value:
            has = told.labels.get(name)
            message = f"{hosting.agent} wants workers with the label {name}={value}, not {has}"
            yield Problem("labels", "/labels", message)
    regions = binding.get("regions") or []
    if regions and told.region not in regions:
        message = (
            f"{hosting.agent} wants workers in {', '.join(regions)}, not in {told.region or 'no region'}"
        )
        yield Problem("region", "/region", message)


def _broken(
    agent: AgentVersion, capabilities: tuple[Capability, ...], hosting: Hosting, path: str
) -> Iterator[Problem]:
    """Where what a worker offers does not keep what is declared."""
    offered = {one.name: (number, one) for number, one in enumerate(capabilities)}
    for declared in agent.capabilities:
        if declared.name not in offered:
            message = f"{hosting.agent} is declared to offer {declared.name}; the worker does not"
            yield Problem("contract", f"{path}/capabilities", message)
            continue
        number, own = offered[declared.name]
        where = f"{path}/capabilities/{number}"
        for finding in _findings(declared.input, own.input):
            yield _difference(f"{where}/input", f"{declared.name} is given what the worker refuses", finding)
        for finding in _findings(own.output, declared.output):
            yield _difference(f"{where}/output", f"the worker gives what {declared.name} must not", finding)


def _findings(producer: JSON, consumer: JSON) -> tuple[Finding, ...]:
    """How what one allows clearly breaks the other."""
    if producer is None or consumer is None:
        return ()
    findings = compare(producer, consumer, named_only=True).findings
    return tuple(one for one in findings if one.verdict == "breaks")[:FINDINGS_SHOWN]


def _difference(path: str, what: str, finding: Finding) -> Problem:
    place = f" at {finding.path}" if finding.path else ""
    return Problem("contract", path, f"{what}{place}: {finding.message}, as in {finding.witness!r}")


def declaration(hosting: Hosting, path: str) -> tuple[Declared | None, list[Problem]]:
    """What a worker declares by registering for what is not declared yet; or why that cannot be."""
    if hosting.declared is not None:
        return _as_declared(hosting, path)
    # What reads manifests takes long to load, and few hubs need it for workers.
    from podium.resources.kinds import API_VERSION
    from podium.resources.manifest import document_of
    from podium.resources.places import Tree

    if hosting.kind == "Agent" and not hosting.capabilities:
        message = f"nothing named {hosting.agent} is declared; declare it, or give its `capabilities`"
        return None, [Problem("unknown-agent", f"{path}/agent", message)]
    name, _, version = hosting.agent.partition("@")
    # Whatever else it says of that: workers declare nothing that the hub itself would run.
    given = hosting.spec.get("runtime")
    binding = given.get("worker", {}) if isinstance(given, dict) else {}
    spec = {**hosting.spec, "version": version, "runtime": {"worker": binding}}
    if hosting.kind == "Agent":
        spec["capabilities"] = [_shown(one) for one in hosting.capabilities]
    elif hosting.capabilities:
        spec["args"], spec["result"] = hosting.capabilities[0].input, hosting.capabilities[0].output
    resource = {
        "apiVersion": API_VERSION,
        "kind": hosting.kind,
        "metadata": {"name": name, "labels": hosting.labels},
        "spec": {key: value for key, value in spec.items() if value is not None},
    }
    document, troubles = document_of(Tree(resource, 1, 1), "", "")
    if document is None:
        return None, [
            Problem(trouble.rule, f"{path}{trouble.path.removeprefix('/spec')}", trouble.message)
            for trouble in troubles
        ]
    return Declared(document.kind, document.name, document.version, document.digest, document.spec), []


def _as_declared(hosting: Hosting, path: str) -> tuple[Declared | None, list[Problem]]:
    name, _, version = hosting.agent.partition("@")
    spec: dict[str, JSON] = {
        **(hosting.declared or {}), "name": name, "version": version, "runtime": {"type": WORKER},
    }  # fmt: skip
    spec.pop("folder", None)
    return Declared(hosting.kind, name, version, digest_of(spec), spec), []


def _shown(offered: Capability) -> dict[str, JSON]:
    shown = {"name": offered.name, "input": offered.input, "output": offered.output}
    shown |= {"description": offered.description or None, "deprecated": offered.deprecated or None}
    return {name: value for name, value in shown.items() if value is not None}

"""What is asked about declared resources: plans, and what became of each resource."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.facts.catalog import VERSIONS, Declared, Revision
from podium.facts.catalog_events import ResourceApplied, ResourceBody
from podium.facts.identity import digest_of
from podium.facts.values import JSON, Problem, Refused
from podium.kernel.catalog import Catalog
from podium.planning.plan import left_out, plan
from podium.runtime.inquiry import Declined, Sight, decline
from podium.runtime.pinned import pinned, unfinished
from podium.runtime.presenting import Shown
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import decode_row

_PROBLEMS_MAX = 50
_APPLIED = "ResourceApplied"
_CHUNK = 500


def planned(sight: Sight, resources: tuple[Declared, ...], prune: bool) -> Shown:
    """What applying these would change and break, as of the last commit: `changes`, `remarks`, `differs`.

    Nothing is changed, and the hub is not kept: it only hands out what is declared.
    """
    check_form(resources)
    before, hot = sight.look(lambda runs, catalog: (catalog.declarations(), unfinished(runs)))
    with sight.readers.lend() as reader:
        runs = pinned(
            hot, lambda status, after, limit: reader.cold_runs(sight.shard, status, after, limit)
        )  # fmt: skip
    gone = left_out(before, resources) if prune else []
    made = plan(before, resources, gone, runs=runs)
    shown: Shown = msgspec.json.decode(msgspec.json.encode(made))
    return {**shown, "differs": made.differs, "breaks": bool(made.breaks)}


def check_form(resources: tuple[Declared, ...]) -> None:
    """Raise Declined where what is given is not what reading a manifest would have made.

    Whoever calls may be anybody who speaks the protocol, and the hub goes by it from here on.
    """
    problems = [problem for one in resources if (problem := _misshapen(one)) is not None]
    if problems:
        raise Declined(Refused("usage", tuple(problems[:_PROBLEMS_MAX])))


def _misshapen(one: Declared) -> Problem | None:
    label = f"{one.kind}/{one.name}@{one.version}"
    if one.kind not in VERSIONS:
        return Problem("unknown-kind", "/kind", f"{one.kind!r} is no kind of resource", resource=label)
    try:
        version: Any = msgspec.convert(one.spec, VERSIONS[one.kind])
    except (msgspec.ValidationError, RecursionError) as error:
        return Problem("form", "/spec", f"the spec is not as it must be: {error}", resource=label)
    name = f"{version.namespace}/{version.name}" if one.kind == "Workflow" else version.name
    if (name, version.version) != (one.name, one.version):
        return Problem("name", "/spec/name", f"the spec is that of {name}@{version.version}", resource=label)
    if not name or not version.version or any(ord(character) < 32 for character in name + version.version):
        return Problem("name", "/name", "a resource has a name and a version", resource=label)
    if digest_of(one.spec) != one.digest:
        return Problem("digest", "/digest", "the digest is not that of the spec", resource=label)
    return None


def history(sight: Sight, kind: str, name: str) -> list[Shown]:
    """The revisions of a resource, newest first. Raises Declined."""
    return sight.look(lambda _, catalog: _shown(catalog, *_resource(catalog, kind, name)))


def revision(sight: Sight, kind: str, name: str, which: str) -> Shown:
    """One revision of a resource, with its `content`, and its `spec` as `apply` takes it. Raises Declined.

    Args:
        which: its version, its digest or the beginning of that, its number, `current`, or `previous` for the
            one applied before that which is current.
    """
    shown = sight.look(lambda _, catalog: _revision(catalog, kind, name, which))
    return {**shown, "spec": _spec(sight, shown)}


def _spec(sight: Sight, wanted: Shown) -> JSON:
    """The spec of a revision as it was declared, byte for byte what its digest is of."""
    after = 0
    with sight.readers.lend() as reader:
        while rows := reader.read(SYSTEM_SHARD, after, _CHUNK):
            after = rows[-1].seq
            for row in rows:
                if row.type != _APPLIED:
                    continue
                record = decode_row(row, reader)
                event, body = record.event, record.body
                assert isinstance(event, ResourceApplied), "the type says so"
                if (event.kind, event.name, event.revision) == (
                    wanted["kind"], wanted["name"], wanted["revision"],
                ):  # fmt: skip
                    return body.spec if isinstance(body, ResourceBody) else None
    return None


def _resource(catalog: Catalog, kind: str, name: str) -> tuple[str, str]:
    """The kind and the full name of the resource that is meant."""
    found = [
        (of, known)
        for of, known in catalog.history
        if (not kind or of == kind) and name in (known, known.rpartition("/")[2])
    ]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{of.lower()} {known}" for of, known in sorted(found))
        raise decline("usage", "ambiguous-name", "/name", f"{name} means {listed}; say which")
    what = kind.lower() if kind else "resource"
    raise decline("not-found", f"unknown-{kind.lower() or 'name'}", "/name", f"no {what} is named {name}")


def _shown(catalog: Catalog, kind: str, name: str) -> list[Shown]:
    found = catalog.history[kind, name]
    current = catalog.current(kind, name)
    marked = [_is_current(found, number, current) for number in range(len(found))]
    return [
        {**_fields(one), "current": is_current}
        for one, is_current in zip(reversed(found), reversed(marked), strict=True)
    ]


def _is_current(found: list[Revision], number: int, current: str) -> bool:
    one = found[number]
    later = any(other.digest == one.digest for other in found[number + 1 :])
    return one.digest == current and one.action == "applied" and not later


def _fields(one: Revision) -> Shown:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _revision(catalog: Catalog, kind: str, name: str, which: str) -> Shown:
    kind, name = _resource(catalog, kind, name)
    applied = [one for one in catalog.history[kind, name] if one.action == "applied"]
    found = _meant(applied, which, catalog.current(kind, name))
    if found is None:
        message = f"{name} has no revision {which}; `podium get {kind.lower()} {name} --history` lists them"
        raise decline("not-found", "unknown-revision", "/which", message)
    version = catalog.versions[kind][found.digest]
    content: JSON = (
        version.document if kind == "Workflow" else msgspec.json.decode(msgspec.json.encode(version))
    )
    return {**_fields(found), "content": content}


def _meant(applied: list[Revision], which: str, current: str) -> Revision | None:
    """The newest revision that a word means."""
    if which in ("", "current"):
        fitting = [one for one in applied if one.digest == current]
    elif which == "previous":
        places = [number for number, one in enumerate(applied) if one.digest == current]
        before = applied[: places[-1]] if places else applied
        fitting = [one for one in before if one.digest != current]
    else:
        digest = which.removeprefix("sha256:")
        fitting = [
            one
            for one in applied
            if which in (one.version, str(one.revision))
            or (len(digest) >= 4 and one.digest.removeprefix("sha256:").startswith(digest))
        ]
    return fitting[-1] if fitting else None

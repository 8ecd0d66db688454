"""`plan` and `diff`: what a change would do, and what one did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from podium.cli import hubs
from podium.cli.declaring import label, load, named
from podium.cli.exits import Exit
from podium.cli.options import Options
from podium.cli.output import plural, say, show_json, show_line

if TYPE_CHECKING:
    from podium.facts.catalog import Declared
    from podium.resources.manifest import Document

Given = Annotated[Options, Parameter(parse=False)]
Shown = dict[str, Any]


def plan(*paths: Path, prune: bool = False, against: Path | None = None, options: Given) -> int:
    """Show what applying files would change and break, without doing it.

    Parameters
    ----------
    paths
        Manifests, Python files with decorated functions, or folders of them.
    prune
        Take them for everything there is: whatever is declared beside them would be deleted.
    against
        Compare with what this file or folder declares, instead of what is applied.
    """
    documents = load(named(paths))
    made = _against(documents, against) if against is not None else _planned(documents, prune, options.state)
    _place(made, documents)
    if options.format == "json":
        show_json(made)
    elif options.format == "jsonl":
        for one in (*made["changes"], *made["remarks"]):
            show_line(one)
    else:
        from podium.cli.plan_text import show

        show(made)
    say(_closing(made))
    return Exit.DIFFERENCE if made["differs"] else Exit.OK


Kind = Literal["agent", "tool", "policy", "workflow"]


def diff(
    name: str, before: str = "", after: str = "", /, *, kind: Kind | None = None,
    options: Given,
) -> int:  # fmt: skip
    """Show what changed between two revisions of a resource.

    Parameters
    ----------
    name
        Of the resource.
    before
        Version, digest or number of a revision, as `podium get agent NAME --history` shows them; the one
        before the current one, unless given.
    after
        Likewise; the current one, unless given.
    kind
        What it is, where two resources of different kinds have the same name.
    """
    with hubs.looked_at(options.state) as client:
        one = client.revision(name, before or "previous", kind or "")
        other = client.revision(name, after or "current", kind or "")
    made = _between(one, other)
    if options.format == "json":
        show_json(made)
    elif options.format == "jsonl":
        for difference in made["differences"]:
            show_line(difference)
    else:
        from podium.cli.plan_text import show_change

        show_change(made)
    count = len(made["differences"])
    say(f"{plural(count, 'difference')}" if count else "the same")
    return Exit.DIFFERENCE if count else Exit.OK


# --- making -----------------------------------------------------------------------------------


def _planned(documents: Sequence[Document], prune: bool, state: Path) -> Shown:
    """Against what is applied; nothing is, where no hub has worked yet."""
    if hubs.find(state) is None and hubs.is_new(state):
        return _plan([], declared(documents), prune)
    with hubs.looked_at(state) as client:
        return client.plan(declared(documents), prune=prune)


def _against(documents: Sequence[Document], other: Path) -> Shown:
    """Against what another folder declares; where the folders lie makes no difference."""
    return _plan(_portable(load([other])), _portable(documents), prune=True)


def _plan(before: Sequence[Declared], after: Sequence[Declared], prune: bool) -> Shown:
    import msgspec

    from podium.planning.declarations import Declarations
    from podium.planning.plan import left_out
    from podium.planning.plan import plan as make

    there = Declarations().after(before)
    made = make(there, after, left_out(there, after) if prune else ())
    return {
        **msgspec.json.decode(msgspec.json.encode(made)),
        "differs": made.differs,
        "breaks": bool(made.breaks),
    }


def declared(documents: Sequence[Document]) -> list[Declared]:
    """Documents as the hub takes them."""
    from podium.facts.catalog import Declared

    return [Declared(d.kind, d.name, d.version, d.digest, d.spec) for d in documents]


def _portable(documents: Sequence[Document]) -> list[Declared]:
    """The same without the folders they were read from."""
    from podium.facts.catalog import Declared
    from podium.resources.manifest import digest_of

    made = []
    for one in documents:
        folder = one.spec.get("folder", "")
        spec = _without(one.spec, folder) if folder else one.spec
        made.append(Declared(one.kind, one.name, one.version, digest_of(spec), spec))
    return made


def _without(value: Any, folder: str) -> Any:
    """A value with paths counted from a folder instead of the root."""
    if isinstance(value, dict):
        return {name: _without(member, folder) for name, member in value.items()}
    if isinstance(value, list):
        return [_without(item, folder) for item in value]
    if isinstance(value, str) and (value == folder or value.startswith(folder + "/")):
        return "." + value[len(folder) :]
    return value


def _between(one: Shown, other: Shown) -> Shown:
    """Two revisions of one resource as a change."""
    import msgspec

    from podium.facts.catalog import VERSIONS, WorkflowVersion
    from podium.planning.differences import differences
    from podium.planning.evolution import evolution

    kind = VERSIONS[one["kind"]]
    contents = (one["content"], other["content"])
    versions = [
        WorkflowVersion("", "", "", content) if kind is WorkflowVersion else msgspec.convert(content, kind)
        for content in contents
    ]
    contract = evolution(*versions)
    return {
        "action": "change", "kind": one["kind"], "name": one["name"],
        "version": other["version"], "digest": other["digest"], "before_version": one["version"],
        "before_digest": one["digest"],
        "differences": msgspec.to_builtins(list(differences(one["content"], other["content"]))),
        "contract": msgspec.json.decode(msgspec.json.encode(contract)), "runs": 0,
    }  # fmt: skip


# --- telling ----------------------------------------------------------------------------------


def _place(made: Shown, documents: Sequence[Document]) -> None:
    """Say of each remark where in the files it is."""
    by_label = {label(document): document for document in documents}
    for remark in made["remarks"]:
        document = by_label.get(remark["resource"])
        line, column = document.place(remark["path"]) if document is not None else (0, 0)
        remark.update(file=document.file if document is not None else "", line=line, column=column)


def _closing(made: Shown) -> str:
    counts = dict.fromkeys(("add", "change", "remove", "none"), 0)
    for change in made["changes"]:
        counts[change["action"]] += 1
    if not made["differs"]:
        return f"nothing to do: {plural(counts['none'], 'resource')} unchanged"
    parts = [f"{counts[action]} to {action}" for action in ("add", "change", "remove") if counts[action]]
    unchanged = f", {counts['none']} unchanged" if counts["none"] else ""
    broken = sum(remark["weight"] == "breaks" for remark in made["remarks"])
    if not broken:
        return f"{', '.join(parts)}{unchanged}; nothing breaks"
    does = "it" if broken == 1 else "them"
    return (
        f"{', '.join(parts)}{unchanged}; {plural(broken, 'break')}: `podium apply` refuses {does} "
        "without `--force --reason TEXT`"
    )

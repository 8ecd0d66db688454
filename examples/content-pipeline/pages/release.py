"""Releases of the site: what is kept of each document, what changed since, and how one replaces another."""

from __future__ import annotations

import json
import os
import posixpath
import shutil
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from pages.layout import page_of, relative, site_of
from pages.markdown import Document, target_of
from pages.rendering import html_of
from pages.sources import INDEX, changed_on, digest_at, digest_of, inside, leads_somewhere, order

HERE = Path(__file__).resolve().parents[1]
RELEASES_KEPT = 2
PARTS_KEPT_S = 86_400
WORDS_A_MINUTE = 220
Why: TypeAlias = Literal["new", "changed", "links", "rules"]
_IN_MANIFEST = ("digest", "title", "words", "changed", "links")


@cache
def edition() -> str:
    """The digest of this pipeline itself: other rules, or another look, make other pages."""
    own = (path for kind in ("pages/*.py", "look/*", "*.toml") for path in HERE.glob(kind))
    return digest_of("".join(map(digest_at, sorted(own))).encode())


def last_release(out: Path) -> dict[str, Any]:
    """The manifest of what is published; without documents if nothing is."""
    try:
        manifest: dict[str, Any] = json.loads((out / "current" / "manifest.json").read_bytes())
    except FileNotFoundError:
        return {"title": "", "edition": edition(), "documents": {}, "assets": {}}
    return manifest


def reason(root: Path, out: Path, last: dict[str, Any], path: str, digest: str) -> Why | None:
    """Why a document is to be worked on; None if it is as it was published."""
    before = last["documents"].get(path)
    if before is None:
        return "new"
    if last["edition"] != edition():
        return "rules"
    if before["digest"] != digest or not _part(out, path, digest).exists():
        return "changed"
    # A page that did not change may lead to one that did, and lost the place.
    return (
        "links" if any(leads_somewhere(root, link) != led for link, led in before["links"].items()) else None
    )


# --- parts ------------------------------------------------------------------------------------


def _part(out: Path, path: str, digest: str) -> Path:
    """Where a document's part of the site waits; by its content, so that no version overwrites another."""
    return out / "parts" / f"{digest_of(f'{path} {digest} {edition()}'.encode())[7:31]}.json"


def make_part(document: Document, root: Path, out: Path, path: str, digest: str) -> dict[str, Any]:
    """A document without what is around it on its page, and what other pages need to know of it."""
    hrefs = [href for href, _ in document.links] + [source for source, *_ in document.images]
    targets = sorted({target for href in hrefs if (target := target_of(path, href))})
    files = {target.partition("#")[0] for target in targets}
    part = {
        "digest": digest,
        "title": document.title or Path(path).stem.replace("-", " ").replace("_", " ").capitalize(),
        "titled": any(level == 1 for level, *_ in document.headings),
        "summary": str(document.meta.get("description") or document.summary),
        "words": document.words,
        "minutes": max(1, round(document.words / WORDS_A_MINUTE)),
        "changed": changed_on(root / path),
        "headings": [heading[:3] for heading in document.headings],
        "links": {target: leads_somewhere(root, target) for target in targets},
        "assets": sorted(file for file in files if not file.endswith(".md") and inside(root, root / file)),
        "html": html_of(document, lambda href: _on_site(root, path, href)),
    }
    replace(_part(out, path, digest), json.dumps(part))
    return part


def _on_site(root: Path, path: str, href: str) -> str:
    """Where a link of a document leads on the site; empty if to no part of it."""
    target = target_of(path, href)
    if not target:
        return href if href.lower().startswith(("https:", "http:", "mailto:")) else ""
    file, _, anchor = target.partition("#")
    if (root / file).is_dir():
        file = next((f"{file}/{name}" for name in INDEX if (root / file / name).exists()), file)
    if not inside(root, root / file):
        return ""
    page = page_of(file) if file.endswith(".md") else file
    return quote(relative(page_of(path), posixpath.normpath(page))) + (f"#{quote(anchor)}" if anchor else "")


# --- releases ---------------------------------------------------------------------------------


def publish(root: Path, out: Path, title: str, kept: list[str], made: Mapping[str, Any]) -> dict[str, Any]:
    """Make a release of all documents beside the present one, and put it in its place at once.

    Args:
        kept: documents that are as they were published.
        made: digest and findings of those that were worked on.
    Returns:
        Its manifest. The same release twice is one.
    """
    before = last_release(out)["documents"]
    entries = {path: before[path] for path in kept} | dict(made)
    paths = sorted(entries, key=order)
    parts = {path: json.loads(_part(out, path, entries[path]["digest"]).read_bytes()) for path in paths}
    manifest: dict[str, Any] = {
        "title": title,
        "edition": edition(),
        "assets": {asset: digest_at(root / asset) for part in parts.values() for asset in part["assets"]},
        "documents": {
            path: {name: part[name] for name in _IN_MANIFEST} | {"findings": entries[path]["findings"]}
            for path, part in parts.items()
        },
    }
    manifest["release"] = digest_of(json.dumps(manifest).encode())[7:19]
    folder = out / "releases" / manifest["release"]
    if not folder.exists():
        _write(folder, root, site_of(title, parts), manifest)
    _put_in_place(out, folder)
    _forget(out, {_part(out, path, part["digest"]) for path, part in parts.items()})
    return manifest


def _write(folder: Path, root: Path, pages: dict[str, str], manifest: dict[str, Any]) -> None:
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    for page, text in [*pages.items(), ("manifest.json", json.dumps(manifest, indent=1))]:
        replace(draft / page, text)
    for asset in manifest["assets"]:
        (draft / asset).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / asset, draft / asset)
    draft.rename(folder)


def _put_in_place(out: Path, folder: Path) -> None:
    """Whoever reads the site sees the old release or the new one, and nothing between."""
    os.utime(folder)
    link = out / f".current.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.relative_to(out))
    os.replace(link, out / "current")
    releases = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for old in releases[:-RELEASES_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _forget(out: Path, used: set[Path]) -> None:
    """Remove parts that no page needs any more; fresh ones may be another run's."""
    for part in (out / "parts").iterdir():
        if part not in used and part.stat().st_mtime < time.time() - PARTS_KEPT_S:
            part.unlink()


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, "utf-8")
    os.replace(draft, path)

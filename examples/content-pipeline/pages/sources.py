"""The documents of a folder: which there are, what they are called, and when they changed."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from functools import lru_cache
from pathlib import Path

from pages.markdown import Document, parse

INDEX = ("index.md", "README.md")
"""What the page of a folder is called."""


class CannotPublish(Exception):
    """What was asked for cannot be done; the text says why, and what to do."""

    retryable = False


def digest_of(content: bytes) -> str:
    """The content's digest, as manifests and contracts write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def digest_at(path: Path) -> str:
    """The digest of a file; empty if it cannot be read."""
    try:
        return digest_of(path.read_bytes())
    except OSError:
        return ""


def documents(root: Path, out: Path) -> dict[str, str]:
    """The digests of a folder's documents by their paths; hidden folders and the site itself are left out."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [
            name for name in folders
            if not name.startswith((".", "__", "node_modules")) and Path(folder, name).resolve() != out
        ]  # fmt: skip
        for path in (Path(folder, name) for name in files if name.endswith(".md")):
            if inside(root, path):
                found[path.relative_to(root).as_posix()] = digest_at(path)
    return {path: found[path] for path in sorted(found, key=order)}


def order(path: str) -> tuple[tuple[str, ...], bool, str]:
    """Where a document stands in the table of contents: folder by folder, its own page first."""
    return Path(path).parent.parts, Path(path).name not in INDEX, path


def inside(root: Path, path: Path) -> bool:
    """Whether it is a file of this folder: a symbolic link must not publish what stands elsewhere."""
    return path.is_file() and path.resolve().is_relative_to(root)


def read(root: str, path: str, digest: str) -> Document:
    """A document, if it still is what the survey saw.

    Raises:
        CannotPublish: it changed meanwhile, is gone, or is not UTF-8.
    """
    file = Path(root, path)
    if digest_at(file) != digest:
        raise CannotPublish(f"{path} changed while it was being worked on; run the pipeline again")
    try:
        return parse(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise CannotPublish(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from None


def leads_somewhere(root: Path, target: str) -> bool:
    """Whether `path#anchor`, seen from the root, is there; outside of documents only the path counts."""
    path, _, anchor = target.partition("#")
    file = Path(os.path.normpath(root / path))
    if not anchor or file.suffix != ".md":
        return file.exists()
    return file.is_file() and anchor in _anchors(file, file.stat().st_mtime_ns)


@lru_cache(500)
def _anchors(file: Path, changed_at_ns: int) -> frozenset[str]:
    return parse(file.read_text("utf-8", "replace")).anchors


def title_of(root: Path) -> str:
    """What the project calls itself, or else the folder's name."""
    for manifest in (root / "pyproject.toml", root.parent / "pyproject.toml"):
        text = manifest.read_text("utf-8", "replace") if manifest.is_file() else ""
        if stated := re.search(r'^name\s*=\s*"([^"]+)"', text, re.MULTILINE):
            return stated[1]
    return root.name or str(root)


def changed_on(file: Path) -> str:
    """The day of the last commit, if the file is as that left it; else the day on which it was written."""
    content = file.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if blob == _git(file, "rev-parse", f"HEAD:./{file.name}"):
        return _git(file, "log", "-1", "--format=%cs", "--", file.name)
    return time.strftime("%Y-%m-%d", time.gmtime(file.stat().st_mtime))


def _git(file: Path, *arguments: str) -> str:
    """What git says; the repository is not trusted to run programs."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false", *arguments]
    try:
        done = subprocess.run(
            command, cwd=file.parent, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()

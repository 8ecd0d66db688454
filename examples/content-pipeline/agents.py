"""The team that publishes a folder of Markdown. What the functions take and give is their contract."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pages import checks, release
from pages.checks import Finding
from pages.sources import CannotPublish, digest_at, documents, read, title_of
from pydantic import Field

from podium.sdk.agent import agent

Text = Annotated[str, Field(min_length=1)]
Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
SHOWN_MAX = 12


@dataclass
class Changed:
    """A document to work on, and why."""

    path: Text
    digest: Digest
    why: release.Why


@dataclass
class Survey:
    """What there is to do since the last release; `around` if the title or a linked file changed, too."""

    root: Text
    out: Text
    title: Text
    todo: list[Changed]
    kept: list[Text]
    removed: list[Text]
    around: bool


@dataclass
class Page:
    """What a document became; its part of the site waits in a file."""

    title: Text
    words: Annotated[int, Field(ge=0)]


@dataclass
class Checked:
    """A document and what is wrong with it; without a digest there is nothing of it to publish."""

    path: Text
    findings: list[Finding]
    digest: str = ""


@dataclass
class Verdict:
    """Whether pages may be published without asking; the summary is for the person who is asked."""

    passed: bool
    headline: Text
    summary: str


@dataclass
class Release:
    """The site as it now stands."""

    site: Text
    release: Text
    pages: Annotated[int, Field(ge=0)]


@agent(name="docs-surveyor", version="1.0.0", capability="docs.survey", deadline="PT2M")
def survey(docs: str = "docs", out: str = "podium-site", title: str = "") -> Survey:
    """Finds the documents, and tells which are not as they were published."""
    root, target = Path(docs).expanduser().resolve(), Path(out).expanduser().resolve()
    if not root.is_dir():
        raise CannotPublish(f"{root} is no folder; give one, --input docs=PATH")
    found, last = documents(root, target), release.last_release(target)
    if target == root:
        raise CannotPublish(f"{root} holds the documents; give the site another folder, --input out=PATH")
    if not found:
        raise CannotPublish(f"{root} holds no Markdown; give another folder, --input docs=PATH")
    title = title or title_of(root)
    reasons = {path: release.reason(root, target, last, path, digest) for path, digest in found.items()}
    assets = any(digest_at(root / path) != digest for path, digest in last["assets"].items())
    return Survey(
        str(root), str(target), title,
        todo=[Changed(path, found[path], why) for path, why in reasons.items() if why],
        kept=[path for path, why in reasons.items() if not why],
        removed=[path for path in last["documents"] if path not in found],
        around=assets or last["title"] != title,
    )  # fmt: skip


@agent(name="docs-updater", version="1.0.0", capability="docs.update", deadline="PT1M", concurrency=2)
def update(root: Text, out: Text, path: Text, digest: Digest) -> Page:
    """Makes a document's part of the site: page, title, headings, reading time, last change."""
    document = read(root, path, digest)
    part = release.make_part(document, Path(root), Path(out), path, digest)
    return Page(part["title"], part["words"])


@agent(name="docs-validator", version="1.0.0", capability="docs.validate", deadline="PT1M", concurrency=2)
def validate(root: Text, path: Text, digest: Digest) -> list[Finding]:
    """Finds what does not hold together: front matter, code blocks, links, images."""
    return checks.validate(read(root, path, digest), Path(root), path)


@agent(name="docs-complier", version="1.0.0", capability="docs.comply", deadline="PT1M", concurrency=2)
def comply(root: Text, path: Text, digest: Digest) -> list[Finding]:
    """Finds what may not be published: words, secrets, licences, images without a text."""
    return checks.comply(read(root, path, digest))


@agent(name="docs-reviewer", version="1.0.0", capability="docs.review", deadline="PT1M", concurrency=2)
def review(root: Text, path: Text, digest: Digest) -> list[Finding]:
    """Finds what is hard to read: headings out of order, sentences without an end."""
    return checks.review(read(root, path, digest))


@agent(name="docs-gatekeeper", version="1.0.0", capability="docs.judge")
def judge(out: Text, documents: list[Checked]) -> Verdict:
    """Judges pages by what was found; what a person once agreed to does not stop them again."""
    last = release.last_release(Path(out))["documents"]
    agreed = {(path, known["rule"], known["message"]) for path in last for known in last[path]["findings"]}
    found = [(document.path, finding) for document in documents for finding in document.findings]
    fresh = [(path, f) for path, f in found if (path, f.rule, f.message) not in agreed]
    errors = [
        f"- error: {path}:{f.line}: {f.message} ({f.rule})" for path, f in fresh if f.severity == "error"
    ]
    warnings = [f"- {path}:{f.line}: {f.message} ({f.rule})" for path, f in fresh if f.severity == "warning"]
    lines = [*errors, *warnings]
    release.replace(Path(out) / "findings.md", "\n".join(["# Findings\n", *(lines or ["Nothing."]), ""]))
    more = [f"- and {len(lines) - SHOWN_MAX} more in {out}/findings.md"] if len(lines) > SHOWN_MAX else []
    known = f", {len(found) - len(fresh)} known before" if len(found) > len(fresh) else ""
    headline = f"{_counted(errors, 'error')} and {_counted(warnings, 'warning')}{known}"
    return Verdict(not errors, headline, "\n".join([*lines[:SHOWN_MAX], *more]))


def _counted(lines: list[str], what: str) -> str:
    return f"{len(lines) or 'no'} {what}{'' if len(lines) == 1 else 's'}"


@agent(name="docs-publisher", version="1.0.0", capability="docs.publish", deadline="PT5M")
def publish(root: Text, out: Text, title: Text, kept: list[str], documents: list[Checked]) -> Release:
    """Puts a new release of the site in the place of the old one; the same twice is one."""
    made = {document.path: asdict(document) for document in documents if document.digest}
    manifest = release.publish(Path(root), Path(out), title, kept, made)
    return Release(f"{out}/current/index.html", manifest["release"], len(manifest["documents"]))

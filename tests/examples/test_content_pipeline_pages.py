"""What the agents of the content pipeline know: Markdown, checks, pages, releases."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pages import checks, release  # type: ignore[import-not-found]
from pages.layout import page_of, site_of  # type: ignore[import-not-found]
from pages.markdown import parse, target_of  # type: ignore[import-not-found]
from pages.rendering import html_of  # type: ignore[import-not-found]
from pages.sources import (  # type: ignore[import-not-found]
    CannotPublish,
    changed_on,
    digest_at,
    documents,
    leads_somewhere,
    read,
)

from tests.examples.repositories import git

PROSE = "The hub keeps all state in one log, and every run can be told again from it. " * 8


def found(kind: str, text: str, *more: Any) -> list[tuple[str, int]]:
    """Rule and line of what a check finds."""
    return [(one.rule, one.line) for one in getattr(checks, kind)(parse(text), *more)]


# --- Markdown ---------------------------------------------------------------------------------


def test_headings_have_the_anchors_that_links_use() -> None:
    document = parse('# A `b`, c!\n\n## Twice\n\n## Twice\n\n<a id="here"></a>\n')
    assert [heading[2] for heading in document.headings] == ["a-b-c", "twice", "twice-1"]
    assert document.anchors == {"a-b-c", "twice", "twice-1", "here"}


def test_lines_count_from_the_top_of_the_file() -> None:
    document = parse("---\ntitle: T\n---\n\n# A\n\none\n[two](b.md)\n\n- ![](c.png)\n")
    assert document.links == [("b.md", 8)]
    assert document.images == [("c.png", "", 10)]
    assert document.title == "T"


@pytest.mark.parametrize("meta", ["a: [", "- just\n- a list", "a: 1\na: 2"])
def test_front_matter_that_cannot_be_read_is_trouble_and_no_text(meta: str) -> None:
    document = parse(f"---\n{meta}\n---\n# A\n")
    assert document.trouble
    assert [text for _, text, _, _ in document.headings] == ["A"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('!!! warning "Mind"\n    The *gap*.\n\nOn.', "<strong>Mind.</strong>"),
        ("> [!NOTE]\n> The *gap*.", "<strong>Note.</strong>"),
        ("- one\n\n    !!! tip\n        The *gap*.", "<strong>Tip.</strong>"),
    ],
)
def test_notes_of_other_tools_become_quotations(text: str, said: str) -> None:
    html = html_of(parse(text), str)
    assert said in html
    assert "<em>gap</em>" in html.partition("<blockquote>")[2].partition("</blockquote>")[0]


def test_a_note_that_is_only_shown_stays_as_it_is() -> None:
    assert "!!! note" in html_of(parse("```\n!!! note\n    Text.\n```\n"), str)


@pytest.mark.parametrize(
    ("text", "open_at"),
    [
        ("```\na\n```\n", []),
        ("a\n\n```py\nb\n", [3]),
        ("~~~~\n```\n~~~~\n", []),
        ("> ```\n> a\n> ```\n", []),
        ("- a\n\n  ```\n  b\n\nc\n", [3]),
        ("```", [1]),
    ],
)
def test_code_blocks_that_nothing_closes(text: str, open_at: list[int]) -> None:
    assert parse(text).unclosed == open_at


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("b.md", "guides/b.md"),
        ("../a.md#x", "a.md#x"),
        ("#x", "guides/a.md#x"),
        ("/img/a%20b.png", "img/a b.png"),
        ("../../up.md", "../up.md"),
        ("https://example.com/b.md", ""),
        ("mailto:a@example.com", ""),
        ("https://[broken", ""),
    ],
)
def test_what_links_mean(href: str, target: str) -> None:
    assert target_of("guides/a.md", href) == target


# --- checks -----------------------------------------------------------------------------------


def test_links_and_images_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# B\n\n## There\n")
    text = "# A\n\n[b](b.md#there) [b](b.md#gone)\n\n![x](no.png)\n"
    assert found("validate", text, tmp_path, "a.md") == [("dead-link", 3)]
    (one,) = checks.validate(parse(text), tmp_path, "a.md")
    assert one.message == "`b.md#gone` leads nowhere, and 1 more like it"
    assert found("validate", "# A\n\n[b](b.md#there)\n", tmp_path, "a.md") == []


def test_an_anchor_is_looked_up_in_the_file_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "b.md"
    file.write_text("# B\n")
    assert not leads_somewhere(tmp_path, "b.md#c")
    file.write_text("# C\n")
    os.utime(file, ns=(1, 1))
    assert leads_somewhere(tmp_path, "b.md#c")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("# A\n\nTODO: say more.\n", "word"),
        ("# A\n\nAll rights reserved.\n", "licence"),
        ("# A\n\n```\nkey = AKIA" + "ABCDEFGHIJKLMNOP\n```\n", "secret"),
        ("# A\n\npostgres://me:" + "hunter2222@example.com/db\n", "secret"),
        ("# A\n\n![](a.png)\n", "image-text"),
        ('# A\n\n<img src="a.png">\n', "image-text"),
    ],
)
def test_what_may_not_be_published(text: str, rule: str) -> None:
    (one,) = checks.comply(parse(text))
    assert one.rule == rule
    assert one.line >= 3
    assert "hunter" not in one.message
    assert "ABCD" not in one.message


def test_words_in_code_are_nobodys_words() -> None:
    assert found("comply", "# A\n\nIt marks `TODO` so:\n\n```\n# TODO\n```\n") == []


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("# A\n\n## B\n\n### C\n\n## D\n", []),
        ("## B\n", ["no-title"]),
        ("---\ntitle: T\n---\n## B\n", []),
        ("# A\n\n# B\n", ["second-title"]),
        ("# A\n\n### C\n", ["heading-jump"]),
        (f"# A\n\n{'one and ' * 30}more.\n", ["long-sentence"]),
    ],
)
def test_what_readers_stumble_over(text: str, rules: list[str]) -> None:
    assert [rule for rule, _ in found("review", text)] == rules


def test_readability_tells_plain_prose_from_the_other_kind() -> None:
    heavy = "Organisational interoperability necessitates comprehensive infrastructural considerations. " * 20
    plain = checks.readability(parse(PROSE))
    assert plain > 70
    assert checks.readability(parse(heavy)) == 0
    assert checks.readability(parse("Short.")) is None
    assert ("hard-to-read", 0) in found("review", f"# A\n\n{heavy}\n")


# --- pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<img src=x onerror=alert(1) <b>",
        '<a href="javascript:alert(1)" onclick="alert(1)">x</a>',
        "[x](javascript:alert(1))",
        "<style>body { display: none }</style>",
        '<p align="x" onmouseover="alert(1)">',
        "<svg/onload=alert(1)>",
        "<scr<script>ipt>alert(1)</script>",
        '<a href="java&#115;cript:alert(1)">x</a>',
    ],
)
def test_nothing_in_a_document_runs(text: str, tmp_path: Path) -> None:
    html = html_of(parse(text), lambda href: release._on_site(tmp_path, "a.md", href))
    tags = "".join(part.partition(">")[0] for part in html.split("<")[1:]).lower()
    for word in ("script", "onerror", "onclick", "onmouse", "onload", "style", "svg"):
        assert word not in tags


def test_html_that_only_arranges_is_kept_and_comments_are_not() -> None:
    html = html_of(
        parse('<p align="center">a<br>\n<img src="a.png" alt="A &amp; B"></p>\n<!-- <b> -->\n'), str
    )
    assert '<p align="center">' in html
    assert '<img src="a.png" alt="A &amp; B">' in html
    assert "--" not in html


def test_what_a_release_shows_can_be_found(tmp_path: Path) -> None:
    part: dict[str, Any] = {
        "title": "<A & B>", "titled": True, "html": "<h1>x</h1>", "summary": "s", "minutes": 1,
        "changed": "2026-01-01",
        "headings": [[1, "<A & B>", "a--b"], [2, "12. Quick start", "12-quick-start"]],
    }  # fmt: skip
    pages = site_of("Site", {"sub folder/a.md": part})
    assert set(pages) == {"sub folder/a.html", "index.html", "a-z.html", "site.css"}
    assert '<a href="sub%20folder/a.html">&lt;A &amp; B&gt;</a>' in pages["index.html"]
    assert "<h2>Q</h2>" in pages["a-z.html"]
    assert '<a href="../index.html">Site</a>' in pages["sub folder/a.html"]


@pytest.mark.parametrize(
    ("path", "page"),
    [("a.md", "a.html"), ("README.md", "index.html"), ("x/index.md", "x/index.html"), ("x/y.md", "x/y.html")],
)
def test_pages_of_documents(path: str, page: str) -> None:
    assert page_of(path) == page


# --- sources and releases ---------------------------------------------------------------------


def test_documents_are_those_of_the_folder_and_no_others(tmp_path: Path) -> None:
    root, secret = tmp_path / "docs", tmp_path / "secret.md"
    for name in ("z.md", "a/b.md", "a/README.md", ".hidden/c.md", "site/d.md", "e.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("# X\n")
    secret.write_text("# Secret\n")
    (root / "link.md").symlink_to(secret)
    assert list(documents(root, root / "site")) == ["z.md", "a/README.md", "a/b.md"]


def test_a_document_that_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n")
    digest = digest_at(tmp_path / "a.md")
    assert read(str(tmp_path), "a.md", digest).title == "A"
    (tmp_path / "a.md").write_text("# B\n")
    with pytest.raises(CannotPublish, match="changed while"):
        read(str(tmp_path), "a.md", digest)
    (tmp_path / "a.md").write_bytes(b"# \xff\n")
    with pytest.raises(CannotPublish, match="not UTF-8 at byte 2"):
        read(str(tmp_path), "a.md", digest_at(tmp_path / "a.md"))


def test_the_last_change_is_the_commits_until_somebody_writes(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
        git(tmp_path, *command)
    os.utime(tmp_path / "a.md", (86_400, 86_400))
    assert changed_on(tmp_path / "a.md") == "2026-03-01"
    (tmp_path / "a.md").write_text("# B\n")
    os.utime(tmp_path / "a.md", (86_400, 86_400))
    assert changed_on(tmp_path / "a.md") == "1970-01-02"


def published(root: Path, out: Path) -> dict[str, Any]:
    """Make a release of everything, without agents."""
    made = {}
    for path, digest in documents(root, out).items():
        release.make_part(read(str(root), path, digest), root, out, path, digest)
        made[path] = {"digest": digest, "findings": []}
    manifest: dict[str, Any] = release.publish(root, out, "T", [], made)
    return manifest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    root.mkdir()
    (root / "a.md").write_text("# A\n\n![a picture](p.png) [B](b.md#there) [out](../x.txt)\n")
    (root / "b.md").write_text("# B\n\n## There\n")
    (root / "p.png").write_bytes(b"picture")
    (tmp_path / "x.txt").write_text("not ours")
    return root


def test_a_release_holds_what_its_pages_show(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = published(root, out)
    site = out / "current"
    assert (site / "p.png").read_bytes() == b"picture"
    assert json.loads((site / "manifest.json").read_text()) == manifest
    assert not list(out.rglob("x.txt"))
    page = (site / "a.html").read_text()
    assert 'href="b.html#there"' in page
    assert '<a class="elsewhere">out</a>' in page


def test_the_same_release_twice_is_one_and_only_the_last_are_kept(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert published(root, out) == published(root, out)
    assert len(list((out / "releases").iterdir())) == 1
    for number in range(4):
        (root / "b.md").write_text(f"# B\n\n## There\n\n{number}\n")
        published(root, out)
    assert len(list((out / "releases").iterdir())) == release.RELEASES_KEPT
    assert "<p>3</p>" in (out / "current" / "b.html").read_text()


def test_parts_that_no_page_needs_are_removed_when_they_are_old(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    published(root, out)
    old = set((out / "parts").iterdir())
    (root / "b.md").write_text("# B\n\n## There\n\nMore.\n")
    published(root, out)
    assert old < set((out / "parts").iterdir())
    for part in old:
        os.utime(part, (1, 1))
    published(root, out)
    assert len(old & set((out / "parts").iterdir())) == 1
    assert (out / "current" / "a.html").exists()


def test_a_release_that_fails_halfway_changes_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    before = published(root, out)["release"]
    (root / "b.md").write_text("# Other\n")

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(release.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        published(root, out)
    assert release.last_release(out)["release"] == before
    assert "There" in (out / "current" / "b.html").read_text()
    monkeypatch.undo()
    published(root, out)
    assert "Other" in (out / "current" / "b.html").read_text()


def test_why_a_document_is_worked_on(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    published(root, out)
    last = release.last_release(out)

    def why() -> dict[str, str | None]:
        return {
            path: release.reason(root, out, last, path, digest)
            for path, digest in documents(root, out).items()
        }

    assert why() == {"a.md": None, "b.md": None}
    (root / "c.md").write_text("# C\n")
    (root / "b.md").write_text("# B\n\n## There\n\nMore.\n")
    assert why() == {"a.md": None, "b.md": "changed", "c.md": "new"}
    (root / "b.md").write_text("# B\n\n## Elsewhere\n")
    assert why() == {"a.md": "links", "b.md": "changed", "c.md": "new"}
    monkeypatch.setattr(release, "edition", lambda: "sha256:other")
    assert why() == {"a.md": "rules", "b.md": "rules", "c.md": "new"}

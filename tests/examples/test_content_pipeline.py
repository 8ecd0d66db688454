"""The content pipeline through the command line, on this project's own documentation."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.cli.command import Command, until
from tests.examples.conftest import EXAMPLES

pytestmark = pytest.mark.xdist_group("content-pipeline")


def publish(podium: Command, docs: Path, out: Path, *more: str) -> dict[str, Any]:
    inputs = [word for given in (f"docs={docs}", f"out={out}", *more) for word in ("--input", given)]
    done = podium("run", str(EXAMPLES / "content-pipeline"), *inputs, "--no-input")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as it is now, where nobody writes to it."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(EXAMPLES.parent / "pyproject.toml", folder)
    return Path(shutil.copytree(EXAMPLES.parent / "docs", folder / "docs"))


@pytest.fixture(scope="module")
def site(podium: Command, docs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert publish(podium, docs, out, "accept=true")["published"] is True
    return out / "current"


def test_every_document_has_its_page(docs: Path, site: Path) -> None:
    manifest = json.loads((site / "manifest.json").read_text())
    assert len(manifest["documents"]) == len(list(docs.rglob("*.md")))
    assert manifest["title"] == "podium"
    for path in manifest["documents"]:
        assert (site / path).with_suffix(".html").exists()


def test_every_link_of_the_site_leads_somewhere(docs: Path, site: Path) -> None:
    manifest = json.loads((site / "manifest.json").read_text())
    known = {(docs / path).with_suffix(".html").name for path in manifest["documents"]}
    pages = {page.resolve(): page.read_text() for page in site.rglob("*.html")}
    assert known | {"index.html", "a-z.html"} == {page.name for page in pages}
    dead = []
    for page, text in pages.items():
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            file, _, anchor = unquote(target).partition("#")
            other = (page.parent / file).resolve() if file else page
            if target.startswith(("https:", "http:")):
                continue
            if not other.exists() or (anchor and f'id="{anchor}"' not in pages[other]):
                dead.append(f"{page.name}: {target}")
    assert dead == []


def test_the_pages_need_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = re.sub(r"<a [^>]*>|<pre>.*?</pre>", "", page.read_text(), flags=re.DOTALL)
        assert not re.search(r'<script|src="http|<link[^>]*http', text), page.name


def written(path: Path) -> tuple[int, int, int]:
    """Which file it is, and when it was written; who reads it changes nothing of this."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def test_a_second_run_has_nothing_to_do(podium: Command, docs: Path, site: Path) -> None:
    before = written(site / "manifest.json")
    output = publish(podium, docs, site.parent)
    assert output["published"] is False
    assert "Nothing changed" in output["headline"]
    assert written(site / "manifest.json") == before


def test_a_person_is_asked_in_another_terminal(podium: Command, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# A\n\n[nowhere](b.md)\n")
    (docs / "bad.md").write_bytes(b"# \xff\n")
    inputs = ("--input", f"docs={docs}", "--input", f"out={tmp_path / 'out'}")
    process = podium.start("run", str(EXAMPLES / "content-pipeline"), *inputs, "--no-input")
    until(podium.hub)

    def waiting() -> str:
        runs = podium.json("get", "runs", "--workflow", "examples/content-pipeline")
        return next((run["id"] for run in runs if any(w["kind"] == "human" for w in run["waiting_for"])), "")

    run = until(waiting)
    assert podium("answer", run, "--decision", "publish").returncode == 0
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert "2 errors and no warnings" in json.loads(stdout)["headline"]
    assert (tmp_path / "out" / "current" / "a.html").exists()
    assert not (tmp_path / "out" / "current" / "bad.html").exists()
    assert "bad.md is not UTF-8 at byte 2" in (tmp_path / "out" / "findings.md").read_text()


def test_a_folder_that_is_not_there(podium: Command, tmp_path: Path) -> None:
    done = podium("run", str(EXAMPLES / "content-pipeline"), "--input", f"docs={tmp_path / 'nowhere'}")
    assert done.returncode == 1
    assert f"{tmp_path / 'nowhere'} is no folder; give one, --input docs=PATH" in done.stderr

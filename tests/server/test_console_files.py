"""The console's files: what is served, how, and what of others is among it."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from importlib.resources import files

import pytest

from podium.server.pages import Assets

CONSOLE = files("podium.server") / "console"
VENDOR = json.loads((CONSOLE / "vendor/VERSIONS.json").read_text())


@pytest.fixture(scope="module")
def assets() -> Assets:
    return Assets(CONSOLE)


def test_the_page_has_no_script_and_no_style_of_its_own(assets: Assets) -> None:
    page = assets.index.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "<style" not in page and not re.search(r"\son\w+=", page) and "style=" not in page
    named = re.findall(rf"/assets/{assets.digest}/([^\"]+)", page)
    assert named and set(named) <= set(assets.files)


@pytest.mark.parametrize("name", sorted(Assets(CONSOLE).files))
def test_modules_name_only_files_that_are_there_and_no_other_place(assets: Assets, name: str) -> None:
    if not name.endswith(".js"):
        return
    text = assets.files[name].content.decode()
    for path in re.findall(r"(?<![\"'])\b(?:from|import)\s*\(?\s*[\"']([^\"']+)[\"']", text):
        assert path.startswith("."), f"{path} has to be found without an import map"
        assert posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) in assets.files
    if not name.startswith("vendor/"):
        assert "https://" not in text and "innerHTML" not in text and "eval(" not in text


@pytest.mark.parametrize("name", [one for one in sorted(Assets(CONSOLE).files) if "vendor/" not in one])
def test_modules_import_what_they_use(assets: Assets, name: str) -> None:
    text = assets.files[name].content.decode()
    for names in re.findall(r"^import \{([^}]*)\} from", text, re.M):
        for one in filter(None, map(str.strip, names.split(","))):
            assert len(re.findall(rf"\b{one}\b", text)) > 1, f"{one} is not used"


@pytest.mark.parametrize("package", sorted(VENDOR))
def test_what_is_of_others_is_as_it_was_published(package: str) -> None:
    for file, digest in VENDOR[package]["files"].items():
        found = hashlib.sha256((CONSOLE / "vendor" / file).read_bytes()).hexdigest()
        assert f"sha256:{found}" == digest, f"{file} was changed; take it by tools/vendor_console.py"
    licence = f"LICENSE.{package.replace('@', '').replace('/', '-')}"
    assert (CONSOLE / "vendor" / licence).is_file()
    assert VENDOR[package]["license"] in ("MIT", "Apache-2.0")


def test_the_console_stays_light(assets: Assets) -> None:
    sent = sum(len(file.zipped) for file in assets.files.values())
    assert sent < 120_000, f"{sent} bytes are a lot for a console"

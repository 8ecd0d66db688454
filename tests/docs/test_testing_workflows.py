"""The guide to testing workflows: what it shows is run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "testing-workflows.md"

FILES = dict(re.findall(r"<!-- ([\w.]+) -->\n\n```\w+\n(.*?)```", GUIDE.read_text(), re.DOTALL))

TESTS = [(file, name) for file, text in FILES.items() for name in re.findall(r"^def (test_\w+)", text, re.M)]


def test_the_first_test_has_ten_lines() -> None:
    assert len(FILES["test_refund.py"].strip().splitlines()) <= 10


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_what_the_guide_shows(file: str, name: str, tmp_path: Path) -> None:
    for path, text in FILES.items():
        (tmp_path / path).write_text(text)
    spec = importlib.util.spec_from_file_location(f"guide_{Path(file).stem}", tmp_path / file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    getattr(module, name)()

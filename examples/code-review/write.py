"""Writing: the review as files that people read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from report_html import html_of
from report_markdown import markdown_of


def write(review: dict[str, Any]) -> dict[str, Any]:
    """Write `report.md` and `report.html` into the folder that the review names.

    Written twice, they replace each other: the call may be repeated.

    Args:
        review: as `schemas/review.yaml` describes it.
    Returns:
        `folder`, `markdown`, `html`: absolute paths.
    """
    folder = Path(review["out"])
    folder.mkdir(parents=True, exist_ok=True)
    # The reports are no part of what they report on.
    _replace(folder / ".gitignore", "*\n")
    _replace(folder / "report.md", markdown_of(review))
    _replace(folder / "report.html", html_of(review))
    return {
        "folder": str(folder),
        "markdown": str(folder / "report.md"),
        "html": str(folder / "report.html"),
    }


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, "utf-8", errors="replace")
    os.replace(draft, path)

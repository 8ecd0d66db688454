"""Writing: the review as files that people read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from writing.document import html_of, markdown_of
from writing.report import sections_of


def write(review: dict[str, Any]) -> dict[str, str]:
    """Write `report.md` and `report.html` into the folder that the review names.

    Written twice, they replace each other: the call may be repeated.

    Args:
        review: as `schemas/review.yaml` describes it.
    Returns:
        `folder`, `markdown`, `html`: absolute paths.
    """
    folder = Path(review["out"])
    title, sections = f"Review of {review['name']}", sections_of(review)
    return {
        "folder": str(folder),
        "markdown": _replace(folder / "report.md", markdown_of(title, sections)),
        "html": _replace(folder / "report.html", html_of(title, sections)),
    }


def _replace(path: Path, text: str) -> str:
    """Write a file whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, "utf-8", errors="replace")
    os.replace(draft, path)
    return str(path)

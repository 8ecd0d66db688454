"""Links to places in the code, where a forge shows the repository."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import quote

_FOLDER = {
    "https://github.com": "blob",
    "https://gitlab.com": "-/blob",
    "https://codeberg.org": "src/commit",
}


class Links:
    """Makes links of places, or plain text where there is no forge.

    Args:
        git: the history, as `schemas/survey.yaml` describes it.
    """

    def __init__(self, git: dict[str, Any]) -> None:
        remote = git.get("remote", "")
        folder = next((folder for host, folder in _FOLDER.items() if remote.startswith(host)), "")
        self._base = f"{remote}/{folder}/{git['commit']}/{quote(git['prefix'])}" if folder else ""

    def to(self, place: dict[str, Any]) -> str:
        """HTML for `path:line` of a place."""
        shown = f"<code>{escape(place['path'])}:{place['line']}</code>"
        if not self._base:
            return shown
        return f'<a href="{escape(self._base)}{quote(place["path"])}#L{place["line"]}">{shown}</a>'

"""Tools in a few words, for conversations with the kernel."""

from __future__ import annotations

from typing import Any

from podium.facts.catalog import Declared
from podium.facts.identity import digest_of


def tool(name: str, version: str = "1.0.0", **spec: Any) -> Declared:
    """A tool that reads, unless said otherwise."""
    spec = {
        "name": name,
        "version": version,
        "runtime": {"type": "function", "callable": "tools:answer", "isolation": "none"},
        "side_effect": "read",
        **spec,
    }
    return Declared("Tool", name, version, digest_of(spec), spec)

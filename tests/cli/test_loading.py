"""What commands load before they do anything: each of them waits for that."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("podium.cli.app", ("apsw", "asyncio", "fastapi", "pydantic", "structlog")),
        ("podium.bootstrap", ("cryptography.x509", "fastapi", "pydantic", "ruamel.yaml", "uvicorn")),
    ],
)
def test_nothing_heavy_is_loaded_unless_it_is_needed(module: str, heavy: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"

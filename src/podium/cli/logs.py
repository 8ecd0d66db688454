"""Logs: lines of JSON in the state folder, and plain lines on stderr for a hub in the foreground."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

LOG_BYTES_MAX = 10 * 1024 * 1024
"""A longer log is set aside as `hub.log.1` when a hub starts."""


def log_to(path: Path, *, echo: bool = False) -> None:
    """Let whatever hub and worker log go to a file, and to stderr too if `echo`.

    A log that cannot be written is said so on stderr once; no hub fails for it.
    """
    handlers: list[logging.Handler] = []
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    try:
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_name(path.name + ".1"))
        handlers.append(_handler(logging.FileHandler(path), structlog.processors.JSONRenderer(), shared))
    except OSError as error:
        print(f"podium: {path} cannot be written: {error.strerror}", file=sys.stderr)
    if echo:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        handlers.append(_handler(logging.StreamHandler(sys.stderr), renderer, shared))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def veil(mask: Callable[[str], str]) -> None:
    """Let every line that is logged from here on go through `mask`."""
    for handler in logging.getLogger().handlers:
        if handler.formatter is not None and not isinstance(handler.formatter, _Veiled):
            handler.setFormatter(_Veiled(handler.formatter, mask))


class _Veiled(logging.Formatter):
    def __init__(self, inner: logging.Formatter, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._inner, self._mask = inner, mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask(self._inner.format(record))


def _handler(handler: logging.Handler, renderer: Any, shared: list[Any]) -> logging.Handler:
    processors: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if isinstance(renderer, structlog.processors.JSONRenderer):
        processors.append(structlog.processors.format_exc_info)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[*processors, renderer], foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()]
        )
    )
    return handler

"""Joining: spans that a function opens with OpenTelemetry become children of its attempt."""

from __future__ import annotations

import sys


def join(trace: str) -> None:
    """Let what runs in the present context go on from a W3C traceparent, if OpenTelemetry is in use here.

    Nothing is imported for it: a function that opens spans has done so, and any other needs none.
    """
    propagate, context = sys.modules.get("opentelemetry.propagate"), sys.modules.get("opentelemetry.context")
    if trace and propagate is not None and context is not None:
        context.attach(propagate.extract({"traceparent": trace}))

"""Targets: where control goes on, where that is not a task of the same list."""

from __future__ import annotations

END = -1
"""As a target: the whole workflow ends well with this task's output."""
EXIT = -2
"""As a target: the enclosing scope ends well with this task's output."""
BEFORE_OVER = -11
"""As a target inside a task with an extension: what is done before has ended, and the task comes next."""
BEFORE_LEFT = -13
"""The same, where it left the task: its output is the task's."""
AFTER_OVER = -14
"""The same: what is done after has ended."""

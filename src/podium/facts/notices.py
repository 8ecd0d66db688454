"""Notices: what a hub tells people of by itself, through workflows that ask to be told."""

from __future__ import annotations

CAUSES = ("approval", "deadline", "escalation", "budget", "fleet")
"""What workflows can ask for, by `document.metadata.notify`: something waits for people; the time of that is
nearly over; something waits for an operator; a budget is near its ceiling; workers are stale."""

NOTIFIER = "hub:notifier"
"""Whoever starts the runs of such workflows."""

SUBSCRIBER = "hub:subscriber"
"""Whoever starts the runs that send lifecycle events to subscribers."""

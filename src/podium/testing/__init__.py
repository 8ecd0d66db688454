"""For users' tests: a hub of their own, real in everything but its short life."""

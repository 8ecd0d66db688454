"""The production host in a simulated world."""

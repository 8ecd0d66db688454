"""What people ask: tables folded from the log."""

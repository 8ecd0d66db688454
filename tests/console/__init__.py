"""The console, as a browser shows it."""

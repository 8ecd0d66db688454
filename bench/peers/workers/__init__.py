"""What runs inside each peer's own environment; every module here prints one JSON line."""

"""Benchmarks: what Podium costs and delivers on this machine, and beside its peers."""

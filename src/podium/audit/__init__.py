"""Audit: what links records, the trees over them, signed checkpoints, and what tampering looks like."""

"""Contracts: whether a payload keeps a schema, and whether one schema keeps another."""

"""Outward: bytes at z/x/y."""

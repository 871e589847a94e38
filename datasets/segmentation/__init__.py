"""Bringing in a collection of hand-drawn masks: its table, its sets, its files."""

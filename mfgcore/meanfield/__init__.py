"""Exact mean fields, values and exploitability."""

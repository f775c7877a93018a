"""Bridges: games and policies of other libraries."""

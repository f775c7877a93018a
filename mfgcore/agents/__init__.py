"""A population that moves, learns and communicates."""

"""Numbers of the paper's theorems for its games: docs/theory.md, made by ``python -m``."""

"""What to run: parameters and their checks."""

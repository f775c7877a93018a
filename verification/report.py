"""What the checks share: rows of a table, and a verdict."""

import sys


class Report:
    """Prints one line for each comparison and ends the script with its verdict.

    Parameters
    ----------
    title : str
    """

    def __init__(self, title):
        self.failed = False
        print(title)

    def errors_apart(self, name, sampled, exact, standard_error, bound=4.0):
        """Compare an estimate with its expectation in units of its standard error."""
        apart = abs(sampled - exact) / standard_error
        self.claim(
            f"{name}: sampled {sampled:.5f}, exact {exact:.5f}, {apart:.2f} standard errors "
            f"({standard_error:.5f}) apart, at most {bound:g}",
            apart <= bound,
        )

    def claim(self, text, holds):
        """Print a statement and whether it holds."""
        self.failed |= not holds
        print(f"  {'ok  ' if holds else 'FAIL'} {text}")

    def end(self):
        """Exit with 1 if a statement failed."""
        sys.exit(1 if self.failed else 0)

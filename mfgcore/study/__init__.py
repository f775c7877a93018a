"""Claims of the paper, readings of it, and their verdicts."""

from mfgcore._base.environment import require

require("workflow")

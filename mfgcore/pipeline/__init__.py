"""Configurations of the workflow, and what its scripts have in common."""

from mfgcore._base.environment import require

require("workflow")

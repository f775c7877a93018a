"""Study of one paper: its claims, interpretations, external validity and theory."""

from mfgcore._base.environment import require

require("workflow")

SEED = 230602766  # root seed of the confirmatory runs, as in config/confirmatory.yaml

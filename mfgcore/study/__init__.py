"""Study of one paper: its claims, interpretations, external validity and theory."""

SEED = 230602766  # root seed of the confirmatory runs, as in config/confirmatory.yaml

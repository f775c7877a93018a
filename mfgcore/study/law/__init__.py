"""The second protocol (docs/protocol_law.md): why networked agents learn faster or slower.

Runs are those of config/law.yaml and of `contraction`; `measures` has the protocol's quantities,
`predictions` its predictions, `score_rules` what other scores are worth, `report` and `plots` what
is shown of them.
"""

SEED = 20261130  # root seed of the runs, as in config/law.yaml

"""The third protocol (docs/protocol_cooperation.md): do agents that share a goal raise welfare?

Runs are those of config/cooperation.yaml; `measures` has the protocol's quantities, `predictions`
its predictions, `report` and `plots` what is shown of them.
"""

SEED = 20261201  # root seed of the runs, as in config/cooperation.yaml

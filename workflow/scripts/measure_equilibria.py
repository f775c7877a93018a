"""A table of equilibria: what solvers reach, what one of N agents gains, or what all lose."""

import pandas as pd

from mfgcore._base.files import atomic_path
from mfgcore.equilibrium.tables import (
    exploitability_by_method,
    games_by_name,
    nash_gaps,
    welfare_by_game,
)
from mfgcore.pipeline.configuration import import_files
from mfgcore.pipeline.workflow_scripts import logged

with logged(snakemake.log[0]):
    import_files(snakemake.config)
    settings = snakemake.params.equilibria
    if snakemake.params.table == "price_of_anarchy":
        rows = welfare_by_game(games_by_name(settings["games"]))
    elif snakemake.params.table == "solvers":
        rows = exploitability_by_method(games_by_name(settings["games"]), settings["iterations"])
    else:
        games = games_by_name(settings["games"], settings["garnets"])
        rows = nash_gaps(games, settings["agents"], settings["trials"])
    with atomic_path(snakemake.output[0]) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")

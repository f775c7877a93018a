"""The paper's claims, each with its measured quantity and its decision rule.

``docs/protocol.md`` says what each is, and was written before the runs that decide it. Every
quantity is an effect, one for each trial, in units of what can be earned in its game (`units`), and
is compared with the smallest difference that matters by its 95 % interval over trials (`judging`).

To add a claim, write a function that yields its parts in `figures` (what the paper says of its
figures), `parameters` (of its parameters), `disturbances` (of others), `theorems` or `beyond`
(ours), and register it.
"""

from mfgcore.study.claims import beyond, disturbances, figures, parameters, theorems
from mfgcore.study.claims.evidence import Evidence, NothingToJudge, as_experiment
from mfgcore.study.claims.figures import FIGURES
from mfgcore.study.claims.judging import (
    CLAIMS,
    DEPENDS,
    FAILS,
    HOLDS,
    KINDS,
    NOT_JUDGED,
    OPEN,
    THRESHOLD,
    Claim,
    Finding,
    Judged,
    Part,
    Rule,
    by_group,
    claim,
    judge,
    judge_one,
)
from mfgcore.study.claims.measures import at_a_glance, mean_return

"""The paper's claims, each with its measured quantity and its decision rule.

Every quantity is a number without unit, one for each trial, and is compared with a threshold by
its 95 % interval over trials (:func:`mfgcore.statistics.bootstrap`). A claim that speaks of several
experiments has a part for each, and all of them must hold. The intervals are not corrected for the
number of comparisons.

To add a claim, write a function that yields its parts in `figures` (what the paper says of its
figures), `parameters` (of its parameters), `theorems` or `beyond` (ours), and register it.
"""

from mfgcore.claims import beyond, figures, parameters, theorems
from mfgcore.claims.evidence import Evidence, NothingToJudge
from mfgcore.claims.figures import FIGURES
from mfgcore.claims.judging import (
    CLAIMS,
    FAILS,
    HOLDS,
    OPEN,
    Claim,
    Finding,
    Judged,
    Part,
    Rule,
    claim,
    judge,
    judge_one,
)
from mfgcore.claims.measures import at_a_glance, mean_return

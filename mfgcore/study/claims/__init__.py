"""The paper's claims, each with its measured quantity and its decision rule.

``docs/protocol.md`` was written before the runs that decide them. Every quantity is an effect, one
for each trial, in units of what can be earned in its game (`normalisers`), and is compared with the
smallest effect size of interest by its 95 % interval over trials (`judging`).

To add a claim, register a function that yields its effects, in `figures`, `parameters`,
`disturbances`, `theorems`, `hypotheses` (our own) or `post_hoc` (what was asked afterwards).
"""

from mfgcore.study.claims import (
    disturbances,
    figures,
    hypotheses,
    parameters,
    post_hoc,
    theorems,
)
from mfgcore.study.claims.evidence import Evidence, NothingToJudge, as_experiment
from mfgcore.study.claims.figures import FIGURES
from mfgcore.study.claims.judging import (
    BORDERLINE,
    CLAIMS,
    DEPENDS,
    FAILS,
    HOLDS,
    INCONCLUSIVE,
    KINDS,
    NOT_JUDGED,
    Claim,
    ClaimResult,
    Effect,
    EffectResult,
    Rule,
    by_group,
    claim,
    judge,
    judge_one,
)
from mfgcore.study.claims.measures import mean_return, summary

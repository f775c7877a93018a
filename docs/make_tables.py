"""Write the tables of the documentation that follow from the code: ``python docs/make_tables.py``.

They are those of the parameters in ``config/README.md``, of the rooms in ``docs/architecture.md``,
of the metrics in ``docs/files.md``, of the paper's symbols in ``docs/concepts.md`` and of the
command line in ``docs/cli.md``.
"""

import argparse
import importlib
import inspect
import re
from pathlib import Path

from mfgcore import cli
from mfgcore._base.registry import Registry
from mfgcore.batch.design import plain
from mfgcore.experiment.parameters import defaults
from mfgcore.metrics.definitions import METRICS
from mfgcore.pipeline.configuration import settable

ROOT = Path(__file__).parents[1]
# the folders of the package; each imports only those before it
ROOMS = (
    "_base", "kernels", "games", "meanfield", "experiment", "agents", "metrics", "runs",
    "bridges", "equilibrium", "batch", "plotting", "study", "pipeline",
)  # fmt: skip

GREEK = {
    "beta": "β", "eta": "η", "gamma": "γ", "lambda": "λ", "mu": "μ", "pi": "π",  # noqa: RUF001
    "sigma": "σ", "tau": "τ", "zeta": "ζ", "Delta": "Δ",  # noqa: RUF001
}  # fmt: skip
# the paper's symbols that are no parameters: symbol, our name, meaning, and where it stands
SYMBOLS = [
    ("k", "iteration", "number of a policy update, from 0", "Alg. 1; D18"),
    ("s", "state", "where an agent is, such as a cell", "Sec. 2; D1"),
    ("a", "action", "what it does, such as a move", "Sec. 2; D1"),
    ("v_0", "mfgcore.games.Game.initial_distribution", "where agents start", "Def. 2.2; D2"),
    ("R(s, a, mu)", "mfgcore.games.Game.rewards", "reward, in [0, 1]", "Def. 2.1, F.1; D3, D4"),
    ("mu", "mean_field", "share of the agents in each state", "Sec. 2; D22"),
    ("pi^i", "policy", "probability of each action in each state, of agent i", "Sec. 2"),
    ("pi_max", "mfgcore.meanfield.uniform_policy", "every action alike", "Sec. 3.1; D5"),
    ("h_max", "mfgcore.Experiment.max_entropy", "lambda log|A|", "Sec. 3.1; D5"),
    ("Q_max", "mfgcore.Experiment.max_q_value", "(1 + h_max) / (1 - gamma)", "Sec. 3.1; D5"),
    (
        "zeta",
        "mfgcore.agents.algorithms.LearningBatch",
        "transitions that are learned from",
        "Alg. 1; D6",
    ),
    ("Q^i", "q_values", "Q-function of agent i, as it is learned", "Def. 3.1"),
    ("Q_h(pi, mu)", "mfgcore.meanfield.action_values", "the same, exactly", "Def. 3.1; D22"),
    ("V_h(pi, mu)", "mfgcore.meanfield.policy_value", "value of a policy", "Def. 2.4; D22"),
    (
        "pi_{k+1}",
        "mfgcore.agents.policy_improvement.mirror_ascent",
        "the policy update",
        "Def. 3.2; D10",
    ),
    ("E(pi)", "exploitability", "gain of the best deviation, as the paper samples it", "F.2; D20"),
    ("E(pi)", "exact_exploitability", "the same, exactly", "F.2; D22"),
    ("Delta", "policy_divergence", "how far policies are from agent 0's", "Sec. 3.2, 4.1; D21"),
]


def room_table():
    """The folders of the package as a Markdown table; str."""
    rows = [["room", "what is in it"]]
    for room in ROOMS:
        document = inspect.getdoc(importlib.import_module(f"mfgcore.{room}"))
        rows.append([f"`{room}/`", document.partition("\n")[0]])
    return table(rows)


def parameter_table():
    """The parameters that a configuration can set as a Markdown table; str."""
    default = defaults()
    rows = [["key", "symbol", "meaning", "values", "default", "source"]]
    for key, parameter in settable().items():
        value = f"`{plain(default[key])}`" if key in default else "(required)"
        unit = "" if parameter.unit in parameter.help else f" (in {parameter.unit})"
        about = f"`{key}`", parameter.symbol, parameter.help + unit, values_of(key, parameter)
        rows.append([*about, value, parameter.source.replace("not in the paper", "-")])
    return table(rows)


def values_of(key, parameter):
    """The values that a parameter can have; str, in Markdown."""
    if key == "game":
        return "[the games](../docs/games.md)"
    if isinstance(parameter.choices, Registry):
        names = [f"`{name}`" for name in parameter.choices]
        return ", ".join([*names, "or null"] if parameter.optional else names)
    if not parameter.bounds:
        return parameter.explained()
    words = [parameter.type.__name__, parameter.bounds, "or null" if parameter.optional else ""]
    return " ".join(words).strip()


def metric_table():
    """The metrics as a Markdown table; str."""
    rows = [["variable", "over", "meaning", "measured"]]
    for name, entry in METRICS.items():
        when = re.sub("every .*iteration(, )?", "", entry.when())
        meaning = f"{entry.long_name}: {entry.meaning}"
        rows.append([f"`{name}`", ", ".join(entry.dims), meaning, when])
    return table(rows)


def symbol_table():
    """The paper's symbols that are no parameters, and our names, as a Markdown table; str."""
    rows = [["paper", "here", "meaning", "source"]]
    for symbol, name, meaning, source in SYMBOLS:
        greek = re.sub("[A-Za-z]+", lambda word: GREEK.get(word[0], word[0]), symbol)
        rows.append([greek, f"`{name}`", meaning, source])
    return table(rows)


def command_table():
    """The commands and their options, but for parameters of experiments; str, in Markdown."""
    rows = [["command", "option", "meaning"]]
    (commands,) = (
        action
        for action in cli.build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    for name, parser in commands.choices.items():
        rows.append([f"`{name}`", "", parser.description])
        for action in parser._actions:
            if action.dest not in ("help", *cli.parameters()):
                words = [*action.option_strings[:1], action.metavar or ""]
                rows.append(["", f"`{' '.join(words).strip()}`", action.help])
    return table(rows)


def table(rows):
    """Rows, the first of them the head, as a Markdown table; str."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


TABLES = {
    "config/README.md": [parameter_table],
    "docs/architecture.md": [room_table],
    "docs/cli.md": [command_table],
    "docs/concepts.md": [symbol_table],
    "docs/files.md": [metric_table],
}


def up_to_date(document):
    """A document of :data:`TABLES` as it should be; str."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for made in (each() for each in TABLES[document]):
        old = re.escape(made.partition("\n")[0]) + r"(\n\|.*)*"
        text = re.sub(old, lambda _, made=made: made, text)
        assert made in text, f"{document}: there is no table with this head: {made}"
    return text


if __name__ == "__main__":
    for document in TABLES:
        (ROOT / document).write_text(up_to_date(document), encoding="utf-8")

"""Write the tables of the documentation that follow from the code: ``python docs/make_tables.py``.

They are those of the parameters in ``config/README.md`` and of the metrics in
``docs/architecture.md``.
"""

import re
from pathlib import Path

from mfgcore.configuration import plain, settable
from mfgcore.metrics import METRICS
from mfgcore.table import defaults

ROOT = Path(__file__).parents[1]


def parameter_table():
    """The parameters that a configuration can set as a Markdown table; str."""
    default = defaults()
    rows = [["key", "meaning", "symbol", "unit", "allowed", "default", "source"]]
    for key, parameter in settable().items():
        value = f"`{plain(default[key])}`" if key in default else "(required)"
        named = f"`{key}`", parameter.help, parameter.symbol, parameter.unit
        rows.append([*named, parameter.explained(), value, parameter.source])
    return _table(rows)


def metric_table():
    """The metrics as a Markdown table; str."""
    rows = [["variable", "over", "meaning", "measured"]]
    for name, entry in METRICS.items():
        meaning = f"{entry.long_name}: {entry.meaning}"
        rows.append([f"`{name}`", ", ".join(entry.dims), meaning, entry.when()])
    return _table(rows)


def _table(rows):
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


TABLES = {"config/README.md": parameter_table, "docs/architecture.md": metric_table}


def up_to_date(document):
    """A document of :data:`TABLES` as it should be; str."""
    table = TABLES[document]()
    old = re.escape(table.partition("\n")[0]) + r"(\n\|.*)*"
    return re.sub(old, lambda _: table, (ROOT / document).read_text(encoding="utf-8"))


if __name__ == "__main__":
    for document in TABLES:
        (ROOT / document).write_text(up_to_date(document), encoding="utf-8")

"""Write ``renames.md`` from ``renames.yaml``: ``python docs/make_renames.py``."""

from pathlib import Path

from make_tables import table

from mfgcore.pipeline.yaml_files import read_yaml

DOCS = Path(__file__).parent
HEAD = """# Old names and new ones

Made by `python docs/make_renames.py` from `docs/renames.yaml`.
"""


def page():
    """The page; str."""
    parts = [HEAD]
    for section, names in read_yaml(DOCS / "renames.yaml").items():
        rows = [(f"`{old}`", f"`{new}`") for old, new in (names or {}).items()]
        if rows:
            parts.append(f"## {section.capitalize()}\n\n{table([('old', 'new'), *rows])}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    (DOCS / "renames.md").write_text(page(), encoding="utf-8")

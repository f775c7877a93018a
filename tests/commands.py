"""The commands that the documentation shows: blocks, and what stands between backticks."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from project import ROOT

NAMES = ("README.md", "CONTRIBUTING.md", "config/README.md", "figures/README.md")
PAGES = [
    *(
        ROOT / name
        for name in (*NAMES, "mfgcore/pipeline/starter/README.md", "docs/tutorial.ipynb")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "profiles").rglob("*.yaml")),
]
CLUSTER = {
    "grep",
    "ls",
    "sacct",
    "sbatch",
    "scancel",
    "scontrol",
    "sinfo",
    "squeue",
    "srun",
    "tail",
}
PROGRAMS = CLUSTER | {"cd", "git", "make", "mfgcore", "pip", "python", "snakemake", "source"}
# the names of deeds, which lack what they are done to
DEEDS = {"scontrol requeue", "mfgcore run", "mfgcore show", "mfgcore new"}
# lines of blocks that are nothing to type: a configuration's, and what follows from what
OTHER = re.compile(r'\s*[\w-]+:( [\[{"\w/.].*)?|.* -> .*')
SHELLS = ("", "bash", "console", "sh", "shell")


class Command(NamedTuple):
    """A command, without its comment, and the page that shows it."""

    page: str
    text: str

    @property
    def program(self):
        return Path(self.text.split()[0]).name.removesuffix("3")


def documented_commands():
    """The commands of all pages, in their order, each page's but once; list of Command."""
    found = {}
    for path in PAGES:
        page, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        for line in typed(path.suffix, text):
            assert is_command(line), f"{page}: {line!r}: neither a command that is known nor other"
            for part in line.split(" && "):
                found[Command(page, part)] = None
    return list(found)


def is_command(text):
    first = text.split()[0]
    return first.startswith("./") or Path(first).name.removesuffix("3") in PROGRAMS


def typed(suffix, text):
    """What a page says to type, of its blocks and of its running text."""
    if suffix == ".yaml":  # the comments of a profile
        text = "\n".join(re.findall(r"(?m)^ *# ?(.*)$", text))
    elif suffix == ".ipynb":
        cells = [(each["cell_type"], "".join(each["source"])) for each in json.loads(text)["cells"]]
        for kind, source in cells:
            yield from re.findall(r"(?m)^! *(.*)$", source) if kind == "code" else ()
        text = "\n\n".join(source for kind, source in cells if kind == "markdown")
    blocks, running = split(text.replace("\\\n", " "))
    for line in blocks:
        line = " ".join(re.sub(r"\s#.*", "", line).split())
        if line and not OTHER.fullmatch(line):
            yield line
    for quoted in re.findall(r"`([^`]+)`", "\n".join(running)):
        words = " ".join(quoted.split())
        several = " " in words or words.startswith("./")  # else the name of a program
        if several and is_command(words) and words not in DEEDS:
            yield words


def split(text):
    """The lines of blocks, be they indented or fenced as those of a shell, and all the others."""
    blocks, running, fence, before = [], [], None, ""
    for line in text.splitlines():
        if line.startswith("```"):
            fence = line.strip("`").strip() if fence is None else None
        elif fence is not None:
            if fence in SHELLS:
                blocks.append(line)
        elif line.startswith("    ") and (not before.strip() or before.startswith("    ")):
            blocks.append(line)
        else:
            running.append(line)
        before = line
    return blocks, running


def storage_options(provider):
    """The options of the documented command that uses a storage provider; list of str."""
    (found,) = (
        each.text.split()
        for each in documented_commands()
        if f"--default-storage-provider {provider}" in each.text
    )
    assert found[:4] == ["snakemake", "--cores", "2", "figures/all"]
    return found[4:]


if __name__ == "__main__":
    for each in documented_commands():
        print(f"{each.page}: {each.text}")

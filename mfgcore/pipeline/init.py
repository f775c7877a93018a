"""A folder to start a study in: a configuration, a game, and the workflow as a module."""

from pathlib import Path

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.files import StrPath, write_text
from mfgcore.experiment.parameter_spec import is_plain_name

TEMPLATE = Path(__file__).with_name("starter")
# what the files of the template say in place of the name and of the workflow's Snakefile
NAME, WORKFLOW = "my_study", "path/to/mfgcore/workflow/Snakefile"


def shipped_workflow() -> Path | None:
    """The Snakefile of the clone that this package is of, or None if it is of none; Path."""
    path = Path(__file__).parents[2] / "workflow/Snakefile"
    return path if path.is_file() else None


@checked
def write_study(folder: StrPath, workflow: StrPath | None = None) -> list[Path]:
    """Write the files of a new study, named as its folder; list of path.

    Parameters
    ----------
    workflow : path, optional
        The Snakefile of the workflow; by default that of the clone.

    Raises
    ------
    ConfigurationError
        If the name is no plain one, the folder is there already, or there is no workflow.
    """
    folder, name = Path(folder), Path(folder).name
    if not is_plain_name(name) or "." in name:  # as of every experiment
        what = "is not a plain name (letters, digits, '_', '-')"
        raise ConfigurationError(f"name: {shorten(name)} {what}")
    snakefile = shipped_workflow() if workflow is None else Path(workflow)
    if snakefile is None or not snakefile.is_file():
        given = "beside this package" if workflow is None else f"at {shorten(str(workflow))}"
        raise ConfigurationError(
            f"workflow: there is none {given}; --workflow names the workflow/Snakefile of a clone"
        )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(f"{shorten(str(folder))}: {error.strerror}") from error
    written = []
    for template in sorted(TEMPLATE.glob("[!.#]*[!~]")):  # no copies by editors
        if template.is_file():
            text = template.read_text(encoding="utf-8")
            text = text.replace(NAME, name).replace(WORKFLOW, str(snakefile.resolve()))
            written.append(folder / template.name)
            write_text(written[-1], text)
    return written

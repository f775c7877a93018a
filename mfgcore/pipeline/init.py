"""A folder to start a study in: a configuration, a game, and the workflow as a module."""

from pathlib import Path

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten
from mfgcore._base.files import StrPath, write_text
from mfgcore.experiment.parameter_spec import is_plain_name

TEMPLATE = Path(__file__).with_name("starter")
# what the files of the template say in place of the name and of another workflow's Snakefile
NAME, WORKFLOW = "my_study", "shipped_workflow()"
# of a wheel, into which setup.py copies it, and of a clone
PLACES = (Path(__file__).with_name("snakemake-workflow"), Path(__file__).parents[2])


def shipped_workflow() -> Path:
    """The Snakefile of the workflow that comes with this package; Path.

    A study's Snakefile names it so, and works wherever the package is installed.
    """
    return next(filter(Path.is_file, (place / "workflow/Snakefile" for place in PLACES)))


@checked
def write_study(folder: StrPath, workflow: StrPath | None = None) -> list[Path]:
    """Write the files of a new study, named as its folder; list of path.

    Parameters
    ----------
    workflow : path, optional
        The Snakefile of the workflow; by default that of the package, wherever it is installed.

    Raises
    ------
    ConfigurationError
        If the name is no plain one, the folder is there already, or `workflow` is not.
    """
    folder, name = Path(folder), Path(folder).name
    if not is_plain_name(name) or "." in name:  # as of every experiment
        what = "is not a plain name (letters, digits, '_', '-')"
        raise ConfigurationError(f"name: {shorten(name)} {what}")
    if workflow is not None and not Path(workflow).is_file():
        raise ConfigurationError(
            f"workflow: there is none at {shorten(str(workflow))}; --workflow names the "
            "workflow/Snakefile of a clone"
        )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(f"{shorten(str(folder))}: {error.strerror}") from error
    written = []
    for template in sorted(TEMPLATE.glob("[!.#]*[!~]")):  # no copies by editors
        if template.is_file():
            text = template.read_text(encoding="utf-8")
            text = text.replace(NAME, name)
            if workflow is not None:
                text = text.replace(WORKFLOW, f'"{Path(workflow).resolve()}"')
            written.append(folder / template.name)
            write_text(written[-1], text)
    return written

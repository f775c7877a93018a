"""The documentation as a site, by Sphinx: ``make docs``.

Its sources are the repository's own Markdown files, where they are: the folder of sources is the
root, and what links from one file to another does so in the repository and in the site.
"""

import shutil
from pathlib import Path

from pygments.lexers import PythonLexer

project = "mfgcore"
html_title = "mfgcore"
extensions = ["sphinx.ext.autosummary", "numpydoc", "myst_nb"]
root_doc = "README"
exclude_patterns = [".*", "build", "results", "logs", "docs/site"]  # not looked through

# the pages, by the captions in the margin
CONTENTS = {
    "Start": ["/docs/concepts", "/docs/tutorial"],
    "How to": [
        "/docs/howto",
        "/docs/equilibria",
        "/docs/from_mfglib",
        "/docs/extending",
        "/docs/explorer",
        "/docs/cluster",
        "/docs/troubleshooting",
    ],
    "Findings": [
        "/docs/results",
        "/docs/theory",
        "/docs/gallery/README",
        "All claims </docs/gallery/claims>",
        "Why: predictions </docs/gallery/law>",
        "By interpretation </docs/gallery/readings>",
        "In other games </docs/gallery/generality>",
    ],
    "Method": [
        "/docs/related",
        "/docs/protocol",
        "/docs/protocol_law",
        "/docs/protocol_cooperation",
        "/docs/decisions",
    ],
    "Archive": ["Of the protocol </docs/archive/protocol>", "Of the theory </docs/archive/theory>"],
    "Reference": [
        "/config/README",
        "/docs/cli",
        "/docs/reference",
        "/docs/files",
        "/figures/README",
        "/docs/games",
    ],
    "Developers": [
        "/docs/architecture",
        "/CONTRIBUTING",
        "/verification/README",
        "/docs/releasing",
        "/CHANGELOG",
    ],
}
# what else lies in these folders is no page
include_patterns = ["README.md", "docs/api/*.rst"]
include_patterns += [
    entry.rpartition("<")[2].strip("/>") + ".*"
    for entries in CONTENTS.values()
    for entry in entries
]

templates_path = [str(Path(__file__).with_name("site") / "templates")]
html_theme = "furo"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_extra_path = ["site/extra"]
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]
nb_execution_mode = "force"
nb_execution_timeout = 180
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_excludepatterns = ["docs/from_mfglib.ipynb"]  # mfglib is not installed for the site

autodoc_default_options = {"members": True, "inherited-members": False}
highlight_language = "none"  # of blocks that do not say theirs: shell and formulas
default_role = "code"  # what stands in single backticks in a docstring
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say types, and shapes
autodoc_preserve_defaults = True
autosummary_ignore_module_all = True  # otherwise modules that it does not name are left out
nitpick_ignore = [("py:class", "numpy.float64")]  # of numpy, which is not looked up
maximum_signature_line_length = 88
numpydoc_show_class_members = False
python_use_unqualified_type_names = True


def add_contents(app, name, source):
    """The front page is the README; Sphinx wants to be told there what pages there are."""
    if name == root_doc:
        for caption, pages in CONTENTS.items():
            listed = "\n".join(pages)
            source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def add_populations(app, failure):
    """The explorer's page, which the tutorial writes beside itself, is embedded in two pages."""
    if failure is None:
        shutil.copy(Path(app.confdir, "populations.html"), Path(app.outdir, "docs"))


def shorten_signature(app, what, name, *_):
    """An experiment's signature would be a page of its own; the parameters have one table."""
    return ("(*, game, **parameters)", None) if name.endswith(".Experiment") else None


def setup(app):
    """Called by Sphinx."""
    from sphinx.ext import autosummary

    # after which a sentence, the first of which is a summary, does not end
    autosummary.WELL_KNOWN_ABBREVIATIONS += ("Sec.", "Def.", "Alg.", "App.", "Fig.")
    app.add_lexer("snakemake", PythonLexer)  # near enough, and Pygments has none
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_populations)

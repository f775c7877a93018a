"""The command line: ``mfgcore run``, ``solve``, ``evaluate``, ``show``, ``new`` and so on."""

import argparse
import contextlib
import difflib
import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mfgcore import __version__
from mfgcore._base.errors import ConfigurationError, MfgcoreError, RunFileError, shorten
from mfgcore._base.files import check_writable, checkpoint_of, forget_kept, only_writer, reason
from mfgcore._base.plugins import import_file
from mfgcore.agents.networks import NETWORKS
from mfgcore.batch.collect import run_to_file
from mfgcore.equilibrium.evaluate import STARTS, evaluate
from mfgcore.equilibrium.games import parameters_of
from mfgcore.equilibrium.lines import lines
from mfgcore.equilibrium.solve import solve
from mfgcore.equilibrium.solvers import SOLVERS
from mfgcore.experiment.experiment import make_experiment
from mfgcore.experiment.initial_policies import read_policies
from mfgcore.experiment.parameter_spec import REQUIRED, parse_settings
from mfgcore.experiment.parameters import DERIVED, defaults, parameters
from mfgcore.games import GAMES
from mfgcore.runs.checkpoint import Checkpointer, Stopped
from mfgcore.runs.datasets import configuration, load, save
from mfgcore.runs.resources import block_of_learners, checkpoint_bytes, parse_size

USAGE_ERROR = 2
SECONDS_BETWEEN_LINES = 60.0  # of a log
METAVARS: dict[type, str] = {dict: "NAME=VALUE"}
BLOCKS = "▁▂▃▄▅▆▇█"


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with one line instead of the usage."""

    def error(self, message):
        unknown = [word for word in message.split() if word.startswith("--")]
        if message.startswith("unrecognized arguments") and unknown:
            known = [option for option in self._option_string_actions if option.startswith("--")]
            nearest = difflib.get_close_matches(unknown[0], known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            message = f"unknown option {unknown[0]}{hint}"
        message = " ".join(message.split())[:300]
        self.exit(USAGE_ERROR, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, args=None, namespace=None):
        """Let the command's own parser complain, as only it knows its options."""
        namespace, extra = super().parse_known_args(args, namespace)
        if extra and self._subparsers is None:
            self.error(f"unrecognized arguments: {' '.join(extra)}")
        return namespace, extra


def _read(kind):
    """Turn a word of the command line into a value; what is no number stays a word."""

    def convert(word):
        if word == "null":
            return None
        try:
            return kind(word)
        except ValueError:
            return word

    return convert


def _integers(word):
    return [int(part) for part in word.split(",")]


def _add_parameters(parser, keys=None):
    default = defaults()
    for key, parameter in parameters().items():
        if keys is not None and key not in keys:
            continue
        flag = "--" + key.replace("_", "-")
        details = [parameter.describe()]
        if default.get(key) is not None:
            details.append(f"default {default[key]}")
        text = "; ".join(details).replace("%", "%%")
        options = {"dest": key, "default": argparse.SUPPRESS, "help": text}
        if parameter.type is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
        else:
            parser.add_argument(
                flag,
                type=_read(str if parameter.type is dict else parameter.type),
                metavar=METAVARS.get(parameter.type, parameter.type.__name__.upper()),
                required=key not in default,
                **options,
            )


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command ``mfgcore``, with all its subcommands."""
    parser = _Parser(
        prog="mfgcore",
        allow_abbrev=False,
        description="Learning in mean-field games with centralised, independent and networked "
        "agents: one run at a time. The figures of the paper are made by snakemake.",
    )
    text = "say which version this is"
    parser.add_argument("--version", action="version", version=f"mfgcore {__version__}", help=text)
    commands = parser.add_subparsers(
        dest="command",
        required=True,
        metavar="{run,solve,evaluate,show,new,estimate,games,networks}",
    )

    def command(function, name, short, description):
        added = commands.add_parser(name, allow_abbrev=False, help=short, description=description)
        added.set_defaults(function=function)
        return added.add_argument, added

    own = {"dest": "imported", "action": "append", "default": [], "metavar": "FILE"}
    own["help"] = "Python file of your own that registers games and what else has a name"
    add, run = command(
        _run,
        "run",
        "run one experiment and save what it measured",
        "Run one experiment and save every metric, the mean field and the final policies as a "
        "netCDF-4 file.",
    )
    add("--output", required=True, metavar="FILE", help="netCDF-4 file to write")
    text = "threads that share the learning; they change no result (default 1)"
    add("--threads", type=_read(int), default=1, metavar="INT", help=text)
    text = "what the run may take, such as 4G; if need be, learners are processed in blocks that "
    add("--memory", metavar="SIZE", help=text + "fit (default: what there is)")
    text = "no progress bar, nor the line a minute that takes its place in a log"
    add("--quiet", action="store_true", help=text)
    text = "go on from the checkpoint that an interrupted run left beside the output"
    add("--resume", action="store_true", help=text)
    text = "replace the output, and forget the checkpoint of an interrupted run"
    add("--overwrite", action="store_true", help=text)
    add("--import", **own)
    _add_parameters(run.add_argument_group("parameters of the experiment"))

    text = "Find an equilibrium of a game of infinitely many agents: a policy that is a best "
    text += "response to the mean field that it generates; or the policy of the largest welfare."
    add, solving = command(_solve, "solve", "find an equilibrium of a game", text)
    add("game", metavar="GAME", help="one of: " + ", ".join(GAMES))
    text = "what an agent maximises, its own return or the mean of all (default own)"
    add("--objective", metavar="{own,shared}", help=text)
    methods = "; ".join(f"{name}: {SOLVERS.help(name)}" for name in SOLVERS)
    add("--method", metavar="NAME", help=f"{methods} (default fixed_point)".replace("%", "%%"))
    add("--iterations", type=_read(int), metavar="INT", help="at most (default 10000)")
    text = "exploitability that is small enough (default 1e-6)"
    add("--tolerance", type=_read(float), metavar="FLOAT", help=text)
    add("--step-size", type=_read(float), metavar="FLOAT", help="of the method, at first")
    text = "file of the policy to begin with (default: one that is nearly uniform)"
    add("--initial-policy", metavar="FILE", help=text)

    text = "Let N agents play the policies of an equilibrium or a run, and say what they are paid "
    text += "and what one of them gains by another policy."
    add, playing = command(_evaluate, "evaluate", "say what N agents do with policies", text)
    text = "file made by mfgcore solve or mfgcore run, or an array of NumPy (.npy)"
    add("policies", metavar="FILE", help=text)
    add("--game", metavar="GAME", help="of the policies; a file of solve or run says its own")
    text = "how many agents follow each of an array's policies, such as 30,3"
    add("--counts", type=_read(_integers), metavar="INTS", help=text)
    for name, kind, text in (
        ("agents", int, "N (default: those of the run)"),
        ("burn-in", int, "steps before agents are paid, see mfgcore.evaluate (default 1000)"),
        ("trials", int, "independent trials, over which intervals are taken (default 100)"),
        ("seed", int, "of the random numbers (default 0)"),
    ):
        add(f"--{name}", type=_read(kind), metavar="INT", help=text)
    text = f"where agents are when they are first paid: {' or '.join(STARTS)} (default stationary)"
    add("--start", metavar="NAME", help=text)
    keys = {key for name in GAMES for key in parameters_of(name)} - {"agents"}
    for each in (solving, playing):
        group = each.add_argument_group("parameters of the game")
        _add_parameters(group, keys | {"discount", "entropy_weight"})
        text = "netCDF-4 file to write (default: none)"
        each.add_argument("-o", "--output", metavar="FILE", help=text)
        each.add_argument("--overwrite", action="store_true", help="replace the output")
        each.add_argument("--import", **own)

    text = "Say what a run was, how it was made and what it measured last; of the runs of an "
    text += "experiment, what they have in common and their means."
    add, _ = command(_show, "show", "say what a file of results holds", text)
    add("file", metavar="FILE", help="file made by mfgcore run, by mfgcore.save or the workflow")
    add("--plot", metavar="FILE", help="also draw the metrics to this file (.png, .pdf or .svg)")

    text = "Write a folder with a configuration, a game and a Snakefile that uses the workflow, to "
    add, _ = command(_new, "new", "start a study of your own", text + "start a study from.")
    add("folder", metavar="FOLDER", help="folder to make; its name is that of the study")
    text = "the workflow/Snakefile to use (default: that of this package)"
    add("--workflow", metavar="FILE", help=text)

    text = "Say what each experiment of the workflow costs, before it is run. To be called in the "
    text += "folder of the Snakefile."
    add, _ = command(_estimate, "estimate", "say what the workflow will cost", text)
    text = "overrides keys of config/config.yaml, as snakemake's option of this name"
    add("--configfile", action="append", default=[], metavar="FILE", help=text)
    text = "cores to share (default 1)"
    add("--cores", type=_read(int), default=1, metavar="INT", help=text)

    for registry in (GAMES, NETWORKS):
        text = f"List the {registry.kind}s that there are, each with the parameters that it reads."
        add, added = command(_list, f"{registry.kind}s", f"list the {registry.kind}s", text)
        add("--import", **own)
        added.set_defaults(registry=registry)
    return parser


def _run(arguments):
    _import(arguments)
    values = {key: value for key, value in vars(arguments).items() if key in parameters()}
    if isinstance(values.get("game_settings"), str):
        values["game_settings"] = parse_settings(values["game_settings"])
    experiment = make_experiment(**values)
    threads = _at_least_one("threads", arguments.threads)
    limit = None if arguments.memory is None else parse_size(arguments.memory)
    block_of_learners(experiment, limit)
    output = check_writable(arguments.output, checkpoint_bytes(experiment))
    with only_writer(output):
        _run_and_save(arguments, output, experiment, threads, limit)


def _run_and_save(arguments, output, experiment, threads, limit):
    checkpointer = Checkpointer(checkpoint_of(output), afresh=False)
    if arguments.overwrite:
        checkpointer.discard()
        forget_kept(output)
    elif (kept := checkpointer.found()) is not None:  # of a run that was allowed to write this
        if not arguments.resume:
            raise RunFileError(
                f"{shorten(str(kept))}: is of an interrupted run: --resume goes on from it, "
                "--overwrite starts afresh"
            )
    elif output.exists():
        raise RunFileError(f"{shorten(arguments.output)}: exists; --overwrite replaces it")
    name = f"{experiment.game}, {experiment.architecture}"
    terminal = sys.stderr is not None and sys.stderr.isatty()
    hidden = arguments.quiet or not terminal
    log = _Log(name) if not arguments.quiet and not terminal else None
    with tqdm(total=experiment.iterations, unit="iteration", desc=name, disable=hidden) as bar:

        def progress(simulation):
            value = simulation.records["discounted_return"][-1]
            bar.set_postfix_str(f"return {value:.3f}", refresh=False)
            bar.update(simulation.iteration - bar.n)
            if log is not None:
                log.tell(simulation.iteration, experiment.iterations, value)

        dataset = run_to_file(output, experiment, checkpointer, threads, progress, limit)
    print(
        f"{arguments.output}: {dataset.attrs['title']}, {experiment.iterations} iterations, "
        f"{dataset.attrs['wall_seconds']:.1f} s; see it with: mfgcore show {arguments.output}"
    )


class _Log:
    """What is told of a run where no terminal shows a bar: a line now and then."""

    def __init__(self, name):
        self.name = name
        self.first = None  # iteration and time, of the first that was done here
        self.told = time.monotonic()

    def tell(self, done, total, value):
        now = time.monotonic()
        if self.first is None:
            self.first = done, now
        if now - self.told < SECONDS_BETWEEN_LINES:
            return
        self.told = now
        begun, since = self.first
        left = (now - since) / (done - begun) * (total - done) if done > begun else None
        about = "" if left is None else f", about {tqdm.format_interval(left)} left"
        line = f"{self.name}: iteration {done} of {total}, return {value:.3f}{about}"
        print(line, file=sys.stderr, flush=True)


def _import(arguments):
    for path in arguments.imported:
        import_file(path)


def _solve(arguments):
    if arguments.initial_policy is not None:
        arguments.initial_policy, _ = read_policies(arguments.initial_policy)
    _make_and_tell(arguments, solve)


def _evaluate(arguments):
    _make_and_tell(arguments, evaluate)


def _make_and_tell(arguments, function):
    """Call a function with what was given on the command line, save its dataset, and print it."""
    own = {"function", "command", "output", "overwrite", "imported"}
    given = {key: value for key, value in vars(arguments).items() if key not in own}
    given = {key: value for key, value in given.items() if value is not None}
    if isinstance(given.get("game_settings"), str):
        given["game_settings"] = parse_settings(given["game_settings"])
    _import(arguments)
    output = arguments.output
    if output is not None and check_writable(output).exists() and not arguments.overwrite:
        raise RunFileError(f"{shorten(output)}: exists; --overwrite replaces it")
    dataset = function(**given)
    if output is not None:
        save(dataset, output, overwrite=arguments.overwrite)
    print(*lines(dataset), sep="\n")


def _show(arguments):
    dataset = load(arguments.file, kind="any")
    kind = dataset.attrs["kind"]
    if arguments.plot is not None:
        if kind != "run":
            raise ConfigurationError(f"--plot draws a run, and {arguments.file} is one {kind}")
        from mfgcore.plotting import run  # matplotlib takes a second to load

        check_writable(arguments.plot)
    if kind in ("equilibrium", "optimum", "evaluation"):
        print(*lines(dataset), "\nHow it was made:", *_made(dataset.attrs), sep="\n")
        return
    title = dataset.attrs.get("title", "the runs of one scenario and setting")
    print(f"{arguments.file}: {'' if kind == 'run' else kind + ': '}{title}\n")
    default = defaults()
    shared = "" if kind == "run" else " and that all runs have in common"
    print(f"Parameters that differ from the defaults{shared}:")
    for key, value in configuration(dataset).items():
        if default.get(key, REQUIRED) != value:
            print(f"  {key:<24} {value}")
    print("\nHow it was made:", *_made(dataset.attrs), sep="\n")
    others = [str(dim) for dim in dataset["discounted_return"].dims if dim != "iteration"]
    if others:
        print("\nIts runs:")
        for dim in others:
            values = ", ".join(map(str, dataset[dim].values))
            print(f"  {dim:<24} {values if len(values) < 80 else values[:77] + '...'}")
    mean = f", mean over {', '.join(others)}" if others else ""
    print(f"\nMetrics over {dataset.sizes['iteration']} iterations (first, last, course{mean}):")
    for name in dataset.data_vars:
        if {*dataset[name].dims} == {*others, "iteration"}:
            means = dataset[name].mean(others).dropna("iteration").values
            if means.size:
                print(f"  {name:<30} {means[0]:>9.4g} {means[-1]:>9.4g}  {_sparkline(means)}")
    if arguments.plot is not None:
        run(dataset, drawings=[arguments.plot])
        print(f"\nDrawn to {arguments.plot}")


def _made(said):
    """How a file was made, in lines, from its attributes."""
    seconds = [f"{said[key]:.1f} s" for key in ("wall_seconds", "cpu_seconds") if key in said]
    versions = json.loads(said.get("versions", "{}"))
    made = {
        "started": said.get("started"),
        "wall / CPU time" if len(seconds) > 1 else "CPU time": " / ".join(seconds),
        "runs": said.get("runs"),
        "host": f"{said.get('host')} ({said.get('processor')}, kernels {said.get('kernels')})",
        "commit": said.get("commits", said.get("commit")),
        "source fingerprint": said["fingerprint"],
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [f"  {key:<24} {value}" for key, value in made.items() if value]


def _new(arguments):
    from mfgcore.pipeline.init import write_study

    for path in write_study(arguments.folder, arguments.workflow):
        print(path)
    print(f"\n{Path(arguments.folder) / 'README.md'} says how to run it")


def _estimate(arguments):
    from mfgcore.pipeline.estimate import estimate

    cores = _at_least_one("cores", arguments.cores)
    print(*estimate(arguments.configfile, cores), sep="\n")


def _list(arguments):
    _import(arguments)
    registry = arguments.registry
    width, known = max(map(len, registry)), parameters()
    for name in registry:
        own = (key for key in registry.needs(name) if key not in DERIVED)
        read = ", ".join(key for key in own if key not in known or not known[key].read_always)
        print(f"{name:<{width}}  {registry.help(name)}" + (f" ({read})" if read else ""))


def _at_least_one(key, value):
    if not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{key}: {value!r} is not a whole number >= 1")
    return value


def _sparkline(values, width=48):
    """The course of a metric in one line of block characters; of digits, where there are none."""
    blocks = BLOCKS
    try:
        blocks.encode(sys.stdout.encoding or "utf-8")
    except (AttributeError, LookupError, UnicodeEncodeError):
        blocks = "12345678"
    parts = np.array_split(values, min(width, values.size))
    means = np.array([part.mean() for part in parts])
    spread = means.max() - means.min()
    if spread == 0.0:
        return blocks[0] * means.size
    return "".join(blocks[int(level)] for level in (means - means.min()) / spread * 7.999)


def _one_line(message, *_, **__):
    """A warning as users want to read it, without the place in the code."""
    return f"mfgcore: {message}\n"


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the command ``mfgcore``.

    Parameters
    ----------
    arguments : list of str, optional
        Words of the command line; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 1 for a run that failed or a file that cannot be used, 2 for a mistake on
        the command line, 128 plus its number if a signal stopped it.
    """
    streams: tuple[Any, ...] = sys.stdout, sys.stderr
    for stream in streams:
        with contextlib.suppress(AttributeError):  # there is none, or it is no file's
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _status(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise
        with contextlib.suppress(OSError, ValueError):  # or else Python says more at the exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # of a reader that has gone nothing is said
            print(
                f"mfgcore: error: what is said cannot be written: {reason(error)}", file=sys.stderr
            )
        return 1


def _status(arguments):
    """Do what the words ask for; the exit status."""
    try:
        with warnings.catch_warnings():
            warnings.formatwarning = _one_line
            parsed = build_parser().parse_args(arguments)
            parsed.function(parsed)
    except Stopped as stopped:
        print(f"mfgcore: {stopped}", file=sys.stderr)
        return 128 + stopped.signal
    except MfgcoreError as error:
        print(f"mfgcore: error: {error}", file=sys.stderr)
        return USAGE_ERROR if isinstance(error, ValueError) else 1
    except ImportError as error:  # of an extra that is not installed
        print(f"mfgcore: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mfgcore: interrupted at once; an earlier checkpoint is kept", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The game that is meant by a name or an experiment, and what a file says of its game."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mfgcore._base.arguments import checked
from mfgcore._base.dependencies import join_fingerprints
from mfgcore._base.errors import ConfigurationError, RunFileError, shorten, unknown_name
from mfgcore._base.fingerprint import run_fingerprint
from mfgcore._base.plugins import code_digest
from mfgcore.experiment.experiment import Experiment, make_experiment
from mfgcore.experiment.parameters import parameters
from mfgcore.games import GAMES, Game
from mfgcore.games.validation import game_errors


@checked
def find_game(
    game: str | Game | Experiment, game_settings: Mapping | None, given: Mapping[str, Any]
) -> Game:
    """The game of a name and its parameters, or of an experiment; one that is given is checked.

    Raises
    ------
    ConfigurationError
        If there is no such game, it does not read a parameter, or its definition is wrong.
    """
    extra = dict(given) if game_settings is None else {**given, "game_settings": game_settings}
    if isinstance(game, str):
        known = parameters_of(game)
        for key in extra:
            if key not in known:
                raise ConfigurationError(unknown_name("parameter", key, known))
        quiet = {"architecture": "independent", "sampled_exploitability": False}
        return make_experiment(game=game, **quiet, **extra).make_game()
    if extra:
        what = "it is given with its parameters"
        raise ConfigurationError(f"{next(iter(extra))}: is not for {shorten(game)}: {what}")
    if isinstance(game, Experiment):
        return game.make_game()
    with game_errors(game.name):
        game.check()
    return game


def parameters_of(name: str) -> list[str]:
    """Parameters of an experiment that a game reads; list of str."""
    fields = set(GAMES.needs(name))
    read = [key for key in parameters() if key in fields]
    read += ["agents"] if "max_agents" in fields else []
    return read + (["game_settings"] if fields - {*parameters(), "max_agents"} else [])


def describe_game(game: Game) -> dict[str, Any]:
    """What a file says of its game: name, parameters, digest of its numbers; dict."""
    fields = {field.name: getattr(game, field.name) for field in dataclasses.fields(game)}  # type: ignore[arg-type]
    agents = game.mean_field_agents
    said = {"game": game.name, "fields": fields, "agents": None if agents == math.inf else agents}
    return {
        "game": game.name,
        "configuration": json.dumps(said, sort_keys=True, default=shorten),
        "game_digest": game_digest(game),
        "layout": game.layout or "none",
    }


def fingerprint_of(*entries: Any) -> str:
    """Fingerprint of the package's code and of what users registered; str."""
    return join_fingerprints([run_fingerprint(), *filter(None, map(code_digest, entries))])


def game_digest(game: Game) -> str:
    """Digest of a game's states, actions, moves and rewards, at some mean fields; str."""
    digest, n_states = hashlib.sha256(repr((game.name, game.actions)).encode()), game.n_states
    drawn = np.random.default_rng(0).random((3, n_states)) + 1e-3
    mean_fields = [np.full(n_states, 1.0 / n_states), *(drawn / drawn.sum(axis=1, keepdims=True))]
    next_states = game.checked_next_states()
    digest.update(next_states.tobytes())
    for mean_field in mean_fields:
        given = mean_field if game.mean_field_dynamics else None
        moves = game.checked_transition_probabilities(next_states.shape, given)
        digest.update(np.ascontiguousarray(moves).tobytes())
        digest.update(np.ascontiguousarray(game.mean_field_rewards(mean_field)).tobytes())
    initial = game.checked_initial_distribution()
    digest.update(b"" if initial is None else np.ascontiguousarray(initial).tobytes())
    return digest.hexdigest()[:16]


def game_of(dataset: xr.Dataset, name: str) -> Game:
    """The game of a run or an equilibrium, as it is now; `name` is that of the file in messages.

    Raises
    ------
    RunFileError
        If there is no such game any more, or it has changed since.
    """
    said = json.loads(dataset.attrs["configuration"])
    try:
        if dataset.attrs["kind"] == "run":
            experiment = make_experiment(**said)
            if experiment.code_fingerprint() != dataset.attrs["fingerprint"]:
                raise RunFileError(f"{name}: made by other code than there is now; run it again")
            return experiment.make_game()
        fields = {key: _as_tuple(value) for key, value in said["fields"].items()}
        game = GAMES[said["game"]](**fields)
        if said["agents"] is not None:
            game = game.for_population(said["agents"])
        with game_errors(game.name):
            digest = game_digest(game)
    except (ConfigurationError, TypeError) as error:
        raise RunFileError(f"{name}: its game cannot be made: {error}") from error
    if digest != dataset.attrs["game_digest"]:
        raise RunFileError(f"{name}: its game {game.name!r} has changed since; solve it again")
    return game


def _as_tuple(value):
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value

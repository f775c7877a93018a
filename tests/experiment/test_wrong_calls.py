"""Kernels called wrongly on purpose: what does not fit is refused, and nothing else is touched.

400 calls here; `make test-sanitize` makes 20,000 with the compiler's sanitizers (WRONG_CALLS).
"""

import faulthandler
import itertools
import os

import numpy as np
import pytest
from random_inputs import (
    assert_equal_arguments,
    copies,
    random_game,
    random_generators,
    random_policies,
    random_transitions,
    random_walk,
)

from mfgcore import ConfigurationError, kernels
from mfgcore.agents.networks import graph

CALLS, SEED, SECONDS = int(os.environ.get("WRONG_CALLS", "400")), 7, 10
REFUSALS = (TypeError, ValueError, OverflowError, BufferError, MemoryError, ConfigurationError)
GUARD = 64  # bytes around every array


def guarded(array):
    """A copy with known bytes on both sides, and these."""
    size = array.nbytes
    room = np.full(size + 2 * GUARD + 16, 0xA5, dtype=np.uint8)
    first = GUARD + -(room.ctypes.data + GUARD) % 16
    inner = room[first : first + size].view(array.dtype).reshape(array.shape)
    inner[...] = array
    return inner, (room[:first], room[first + size :])


def misaligned(array):
    """A copy that begins between two words of the memory."""
    room = np.zeros(array.nbytes + 16, dtype=np.uint8)
    first = 1 + -room.ctypes.data % 8
    inner = room[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    inner[...] = array
    return inner


def overlapping(one, other):
    """Copies of two arrays, of which the second begins within the first."""
    first = (one.nbytes - 1) // 8 // 2 * 8
    room = np.zeros((max(one.nbytes, first + other.nbytes) + 7) // 8, dtype=np.uint64)
    room = room.view(np.uint8)
    inner = []
    for array, begin in ((one, 0), (other, first)):
        part = room[begin : begin + array.nbytes]
        inner.append(part.view(array.dtype).reshape(array.shape))
        inner[-1][...] = array
    return inner


def valid_calls(rng):
    """Arguments that fit, by the kernel's name."""
    n, S, A = int(rng.integers(1, 20)), int(rng.integers(2, 8)), int(rng.choice([2, 3, 5]))
    policies = random_policies(rng, 3, S, A)
    game = random_game(rng, n, S, A, 2)
    walk = random_walk(rng, n, S, A, 3, int(rng.integers(1, 4)), rng.choice([0.0, 0.5]), False)
    tabled = random_walk(rng, n, S, A, 3, 1, 0.0, True)
    links = graph(n, [(i, (i + 1) % n) for i in range(n)]).arguments()
    moves = {"next_states": game.reachable, "transition_probabilities": game.alone}
    weights = {"discount": 0.9, "entropy_weight": 0.01}
    rewards = rng.random((3, S, A))
    steps, learners = 40, np.arange(min(n, 4), dtype=np.int32)
    return {
        "step_population": {
            **(walk if rng.random() < 0.5 else tabled),
            "n_steps": steps,
            "population_rewards": np.empty(steps),
            "occupancy": np.zeros(S, dtype=np.int64),
            "deviator": 0,
            "deviator_rewards": np.empty(steps),
            "learners": learners,
            "transitions": np.zeros((learners.size, 8 - 1), kernels.TRANSITION),
            "interval": 5,
            "n_discarded": 1,
        },
        "communicate": {
            **walk,
            "ranks": rng.permutation(n).astype(np.int32),
            "policy_of_rank": rng.integers(0, 3, n, dtype=np.int32),
            "rounds": 3,
            **links,
            "seeds": rng.integers(0, 2**63, 3, dtype=np.uint64),
            "drop_threshold": 2**52,
        },
        "adopt_policies": {
            "groups": links["groups"],
            "ranks": rng.permutation(n).astype(np.int32),
            "first_neighbour": links["first_neighbour"],
            "neighbours": links["neighbours"],
            "seed": 3,
            "drop_threshold": 0,
            "probability": float(rng.choice([1.0, 0.5])),
        },
        "replay_td": {
            "transitions": random_transitions(rng, 3, 37, S * A),
            "q_values": rng.random((3, S * A)),
            "generators": random_generators(rng, 3, 4, 16),
            "replay_cycles": 2,
            "td_learning_rate": 0.1,
            "discount": 0.9,
        },
        "online_td": {
            "transitions": random_transitions(rng, 3, 37, S * A),
            "q_values": rng.random((3, S * A)),
            "learning_rates": np.full(37, 0.1),
            "discount": 0.9,
        },
        "mirror_ascent": {
            "policies": policies,
            "policy_index": rng.integers(0, 3, 4, dtype=np.int32),
            "q_values": rng.random((4, S, A)),
            "step_size": 0.1,
            "entropy_weight": 0.01,
            "least_entropy": float(rng.choice([-1.0, 0.3])),
        },
        "stationary_distributions": {
            "policies": policies,
            **moves,
            "initial_distribution": np.full(S, 1.0 / S),
        },
        "policy_values": {"policies": policies, "rewards": rewards, **moves, **weights},
        "best_responses": {
            "policies": policies,
            "rewards": rewards,
            **moves,
            **weights,
            "tolerance": 1e-12,
            "max_iterations": 50,
        },
        "bellman_gaps": {
            "policies": policies,
            "values": rng.random((3, S)),
            "rewards": rewards,
            **moves,
            **weights,
        },
        "policy_tables": {"policies": policies, "entropy_weight": 0.01},
        "next_state_thresholds": {"transition_probabilities": game.alone},
        "are_normalised": {"values": rewards},
        "are_distributions": {"values": policies, "tolerance": 1e-9},
        "weighted_sum": {"rows": rng.normal(size=(3, 7)), "weights": rng.random(3)},
        "policy_row": {"n_actions": A},
        "next_words": {
            "generators": random_generators(rng, 4, n),
            "words": np.empty(n, dtype=np.uint32),
        },
        "shuffle_swaps": {"generators": random_generators(rng, 4, 16), "n": 37},
        "log": {"values": rng.random(5)},
        "exp": {"values": rng.normal(size=5)},
    }


def spoiled_array(rng, array):
    """What somebody might give in place of an array."""
    kind = int(rng.integers(0, 12))
    if kind == 0:
        return None
    if kind == 1:
        if array.dtype.names is not None:
            return 3
        with np.errstate(all="ignore"):
            return array.astype(rng.choice(["f4", "i8", "u1", "O"]))
    if kind == 2:
        return array[: rng.integers(0, len(array) + 1)] if array.ndim else array
    if kind == 3:
        return np.concatenate((array, array)) if array.ndim else array
    if kind == 4:
        return array.reshape(-1)
    if kind == 5:
        return array[..., : rng.integers(0, array.shape[-1] + 1)].copy() if array.ndim else array
    if kind == 6:
        return np.zeros((0,) * array.ndim, array.dtype)
    if kind == 7:
        return np.asfortranarray(array) if array.ndim > 1 else array[::-1]
    if kind == 8:
        array = array.copy()
        array.flags.writeable = False
        return array
    array = array.copy()
    if array.size == 0:
        return array
    place = np.unravel_index(rng.integers(array.size), array.shape)
    if array.dtype.names is not None:
        if "pair" not in array.dtype.names:
            array.view(np.uint8).reshape(-1)[rng.integers(array.nbytes)] ^= 0xFF
            return array
        array[place] = (*rng.choice([0, 5, 65535], 2), rng.choice([0.0, np.nan, np.inf]))
    elif array.dtype.kind == "f":
        array[place] = rng.choice([np.nan, np.inf, -np.inf, -1.0, 2.0, 1e300, -1e300, 1e-320])
    elif array.dtype.kind == "u":
        array[place] = [0, 1, np.iinfo(array.dtype).max][rng.integers(3)]
    else:
        limits = np.iinfo(array.dtype)
        values = [-1, 1, min(array.size, limits.max), 10**6, limits.max, limits.min]
        array[place] = values[rng.integers(len(values))]
    return array


def spoiled(rng, value):
    """What somebody might give in place of a valid argument."""
    if isinstance(value, np.ndarray):
        return spoiled_array(rng, value)
    if isinstance(value, float):
        return rng.choice([np.nan, np.inf, -np.inf, -1.0, 0.0, 2.0, 1e300, 1e-320])
    if isinstance(value, int):
        return [-1, 0, 1, 7, 200, 2**31, -(2**31), 2**63, -(2**70), None, 1.5, "7"][
            rng.integers(12)
        ]
    return [None, 3, "x", object()][rng.integers(4)]


def test_wrong_calls_are_refused_and_touch_nothing_else(build):
    """What is refused is told in one line."""
    rng = np.random.default_rng(SEED)
    refused, returned = 0, 0
    for _ in range(CALLS):
        calls = valid_calls(rng)
        name = list(calls)[rng.integers(len(calls))]
        arguments = calls[name]
        keys = list(arguments)
        for key in rng.choice(keys, min(len(keys), int(rng.integers(1, 3))), replace=False):
            arguments[key] = spoiled(rng, arguments[key])
        if rng.random() < 0.1:
            one, other = rng.choice(keys, 2)
            arguments[one], arguments[other] = arguments[other], arguments[one]
        guards = []
        plain = [
            key
            for key, value in arguments.items()
            if isinstance(value, np.ndarray) and value.dtype != object and value.flags.carray
        ]
        for key in plain:
            arguments[key], around = guarded(arguments[key])
            guards += around
        placed = rng.random()
        filled = [key for key in plain if arguments[key].size]
        if placed < 0.1 and filled:
            key = filled[rng.integers(len(filled))]
            arguments[key] = misaligned(arguments[key])
        elif placed < 0.2 and len(filled) > 1:
            one, other = rng.choice(filled, 2, replace=False)
            arguments[one], arguments[other] = overlapping(arguments[one], arguments[other])
        faulthandler.dump_traceback_later(SECONDS, exit=True)  # C code hears no signal
        try:
            getattr(build, name)(**arguments)
            returned += 1
        except REFUSALS as error:
            assert "\n" not in str(error)
            refused += 1
        finally:
            faulthandler.cancel_dump_traceback_later()
        assert all((guard == 0xA5).all() for guard in guards), (name, arguments)
    assert refused > CALLS / 3
    assert returned > CALLS / 10
    print(f"{CALLS} wrong calls (seed {SEED}): {refused} refused, {returned} returned")


def test_valid_calls_are_accepted(build):
    """Or else the test above would prove nothing."""
    rng = np.random.default_rng(SEED)
    for _ in range(20):
        for name, arguments in valid_calls(rng).items():
            getattr(build, name)(**arguments)


def test_every_kernel_is_called():
    own = vars(kernels._chosen)
    public = {
        name
        for name, value in own.items()
        if callable(value) and value.__module__ == own["__name__"] and not name.startswith("_")
    }
    called = set(valid_calls(np.random.default_rng(0)))
    assert public - called == {"processor_supports", "source_fingerprint"}


# what each kernel writes into
CHANGED = {
    "step_population": (
        "states generators population_rewards occupancy deviator_rewards transitions"
    ),
    "communicate": "states generators ranks",
    "adopt_policies": "ranks",
    "replay_td": "transitions q_values generators",
    "online_td": "q_values",
    "next_words": "generators words",
    "shuffle_swaps": "generators",
}


def test_an_output_that_shares_memory_is_refused_and_nothing_else_is_written(build):
    calls = valid_calls(np.random.default_rng(SEED))
    for name, arguments in calls.items():
        arrays = {key for key, value in arguments.items() if isinstance(value, np.ndarray)}
        changed = set(CHANGED.get(name, "").split())
        for one, other in itertools.product(changed & arrays, arrays):
            if one != other:
                both = overlapping(arguments[one], arguments[other])
                with pytest.raises(ValueError, match=r"^\w+ must not share memory with \w+$"):
                    getattr(build, name)(**arguments | dict(zip((one, other), both, strict=True)))
        before = copies({key: arguments[key] for key in arrays - changed})
        getattr(build, name)(**arguments)
        assert_equal_arguments(before, {key: arguments[key] for key in before})


def test_an_array_between_two_words_is_refused_by_name_or_copied(build):
    calls = valid_calls(np.random.default_rng(SEED))
    for name, arguments in calls.items():
        for key, value in arguments.items():
            if not isinstance(value, np.ndarray):
                continue
            odd = arguments | {key: misaligned(value)}
            if name in ("log", "exp", "are_distributions", "are_normalised", "weighted_sum"):
                expected = getattr(build, name)(**arguments)
                np.testing.assert_array_equal(getattr(build, name)(**odd), expected)
                continue
            with pytest.raises(ValueError, match=f"^{key} must be aligned in memory$"):
                getattr(build, name)(**odd)

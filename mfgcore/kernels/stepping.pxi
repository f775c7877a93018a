# One population walking through the game (Alg. 2, lines 6-13 and 27).
#
# A policy row is stored as |A| - 1 integer thresholds: action = number of thresholds below the
# 31-bit uniform number of the agent. An action of probability 0 is never taken, and the
# probabilities are rounded to 2**-31.

cdef enum:
    CHAINS = 4  # agents are dealt to 4 partial histograms and sums, so that none waits for the last


cdef struct World:
    # What the steps read and write; the arrays belong to the caller.
    Py_ssize_t n_agents
    Py_ssize_t n_states
    Py_ssize_t n_actions
    const int32_t *next_state      # (n_states, n_actions)
    const double *rewards          # (n_states, n_agents + 1)
    const int32_t *thresholds      # (n_policies, n_states, n_actions - 1)
    const double *entropies        # (n_policies, n_states)
    const int32_t *policy_index    # (n_agents,)
    int32_t *states                # (n_agents,)
    uint32_t *generators           # (4, n_agents)
    uint32_t *words                # (n_agents,)
    int32_t *pairs                 # (n_agents,)
    int32_t *counts                # (CHAINS, n_states): row 0 holds the sum between steps
    double *cell_rewards           # (n_states,)


cdef void _count(World *world) noexcept nogil:
    """Number of agents in every cell."""
    cdef Py_ssize_t i
    for i in range(CHAINS * world.n_states):
        world.counts[i] = 0
    for i in range(world.n_agents):
        world.counts[world.states[i]] += 1


cdef double _reward(World *world) noexcept nogil:
    """Fill in every cell's reward; return the sum of all agents' rewards."""
    cdef Py_ssize_t s
    cdef double total = 0.0
    for s in range(world.n_states):
        world.cell_rewards[s] = world.rewards[s * (world.n_agents + 1) + world.counts[s]]
        total += world.counts[s] * world.cell_rewards[s]
    return total


cdef inline double _move_one(
    World *world, Py_ssize_t i, int32_t *counts, Py_ssize_t n_actions
) noexcept nogil:
    cdef Py_ssize_t state = world.states[i]
    cdef Py_ssize_t row = world.policy_index[i] * world.n_states + state
    cdef const int32_t *thresholds = world.thresholds + row * (n_actions - 1)
    cdef int32_t uniform = <int32_t>(world.words[i] >> 1)
    cdef Py_ssize_t b
    cdef int32_t action = 0
    cdef int32_t pair, arrived
    for b in range(n_actions - 1):
        action += uniform > thresholds[b]
    pair = <int32_t>(state * n_actions) + action
    arrived = world.next_state[pair]
    world.pairs[i] = pair
    world.states[i] = arrived
    counts[arrived] += 1
    return world.entropies[row]


cdef inline double _move_all(World *world, Py_ssize_t n_actions) noexcept nogil:
    cdef Py_ssize_t n_states = world.n_states
    cdef Py_ssize_t i, s
    cdef int32_t *counts = world.counts
    cdef double sum0 = 0.0, sum1 = 0.0, sum2 = 0.0, sum3 = 0.0
    for s in range(CHAINS * n_states):
        counts[s] = 0
    for i in range(world.n_agents // CHAINS):
        sum0 += _move_one(world, CHAINS * i, counts, n_actions)
        sum1 += _move_one(world, CHAINS * i + 1, counts + n_states, n_actions)
        sum2 += _move_one(world, CHAINS * i + 2, counts + 2 * n_states, n_actions)
        sum3 += _move_one(world, CHAINS * i + 3, counts + 3 * n_states, n_actions)
    for i in range(world.n_agents // CHAINS * CHAINS, world.n_agents):
        sum0 += _move_one(world, i, counts, n_actions)
    for s in range(n_states):
        counts[s] += counts[n_states + s] + counts[2 * n_states + s] + counts[3 * n_states + s]
    return (sum0 + sum1) + (sum2 + sum3)


cdef double _move(World *world) noexcept nogil:
    """Everybody acts once. Return the sum of h(pi(s)) over the agents, before the move."""
    _advance_all(world.generators, world.words, world.n_agents)
    if world.n_actions == 5:  # the compiler unrolls the comparisons of the grid's five actions
        return _move_all(world, 5)
    return _move_all(world, world.n_actions)


cdef class _Workspace:
    """Arrays that live as long as one call, and the World that points into them."""

    cdef World world
    cdef object _kept

    def __init__(
        self,
        int32_t[::1] states not None,
        const int32_t[::1] policy_index not None,
        const int32_t[:, :, ::1] thresholds not None,
        const double[:, ::1] entropies not None,
        const int32_t[:, ::1] next_state not None,
        const double[:, ::1] rewards not None,
        uint32_t[:, ::1] generators not None,
    ):
        cdef Py_ssize_t n = states.shape[0]
        cdef Py_ssize_t n_states = next_state.shape[0]
        if rewards.shape[1] != n + 1 or rewards.shape[0] != n_states:
            raise ValueError("rewards must have shape (n_states, n_agents + 1)")
        if policy_index.shape[0] != n or generators.shape[1] != n or generators.shape[0] != 4:
            raise ValueError("policy_index and generators must have one entry for each agent")
        if thresholds.shape[1] != n_states or thresholds.shape[2] != next_state.shape[1] - 1:
            raise ValueError("thresholds must have shape (n_policies, n_states, n_actions - 1)")
        cdef uint32_t[::1] words = np.empty(n, dtype=np.uint32)
        cdef int32_t[::1] pairs = np.zeros(n, dtype=np.int32)
        cdef int32_t[::1] counts = np.zeros(CHAINS * n_states, dtype=np.int32)
        cdef double[::1] cell_rewards = np.zeros(n_states, dtype=np.float64)
        self._kept = (states, policy_index, thresholds, entropies, next_state, rewards, generators,
                      words, pairs, counts, cell_rewards)
        self.world = World(
            n_agents=n, n_states=n_states, n_actions=next_state.shape[1],
            next_state=&next_state[0, 0], rewards=&rewards[0, 0],
            thresholds=&thresholds[0, 0, 0], entropies=&entropies[0, 0],
            policy_index=&policy_index[0], states=&states[0], generators=&generators[0, 0],
            words=&words[0], pairs=&pairs[0], counts=&counts[0], cell_rewards=&cell_rewards[0],
        )


def step_population(
    int32_t[::1] states,
    const int32_t[::1] policy_index,
    const int32_t[:, :, ::1] thresholds,
    const double[:, ::1] entropies,
    const int32_t[:, ::1] next_state,
    const double[:, ::1] rewards,
    uint32_t[:, ::1] generators,
    double[::1] population_rewards,
    double[::1] deviator_rewards,
    int64_t[::1] occupancy,
    Py_ssize_t deviator,
    const int32_t[::1] learners,
    Transition[:, ::1] transitions,
    Py_ssize_t interval,
    Py_ssize_t skipped,
):
    """Let the population take steps; record its rewards and the learners' transitions.

    The reward at time t uses the counts before the move, the agent itself included. After every
    `interval` steps (M_td), the newest transition whose next action is known, zeta_{t-2}, goes to
    each learner's buffer, except for the first `skipped` times (Alg. 2, lines 5-13).

    Parameters
    ----------
    states : (n_agents,) int32
        Cells; changed in place.
    policy_index : (n_agents,) int32
        Which of the policies each agent follows.
    thresholds : (n_policies, n_states, n_actions - 1) int32
        Policies as made by :func:`policy_tables`.
    entropies : (n_policies, n_states) float64
        h(pi(s)), likewise.
    next_state : (n_states, n_actions) int32
    rewards : (n_states, n_agents + 1) float64
        R by cell and number of agents in it.
    generators : (4, n_agents) uint32
        Action streams; changed in place.
    population_rewards : (n_steps,) float64
        Output: the sum over the agents of r + h at each step. Its length is the number of steps.
    deviator_rewards : (n_steps,) float64, or empty
        Output: r + h of the agent `deviator`. Empty: not recorded.
    occupancy : (n_states,) int64
        The counts before each move are added to it.
    deviator : int
    learners : (n_learners,) int32
        Agents that record transitions.
    transitions : (n_learners, n) of :data:`TRANSITION`
        Output: the buffers. n is n_steps / interval - skipped; where interval is 1 and skipped is
        0 there is one less, as the first step completes no transition.
    interval : int
        M_td: environment steps for each transition.
    skipped : int
        Number of first transitions left out (W + 1 for Algorithm 2).

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    cdef _Workspace workspace = _Workspace(
        states, policy_index, thresholds, entropies, next_state, rewards, generators
    )
    cdef World *world = &workspace.world
    cdef Py_ssize_t n_steps = population_rewards.shape[0]
    cdef Py_ssize_t n_learners = learners.shape[0]
    cdef Py_ssize_t n_actions = world.n_actions
    cdef bint deviates = deviator_rewards.shape[0] > 0
    cdef Py_ssize_t t, s, learner, state, block, filled = 0
    cdef double reward, entropy
    cdef int32_t deviator_state = 0
    cdef Transition *transition
    cdef Py_ssize_t expected = n_steps // interval - skipped
    if interval == 1 and skipped == 0:
        expected -= 1
    if n_learners and (transitions.shape[0] != n_learners or transitions.shape[1] != expected):
        raise ValueError(f"transitions must have shape ({n_learners}, {expected})")
    if deviates and deviator_rewards.shape[0] != n_steps:
        raise ValueError("deviator_rewards must be empty or have one entry for each step")
    open_pairs = np.zeros(n_learners, dtype=np.int32)
    open_targets = np.zeros(n_learners, dtype=np.float64)
    cdef int32_t[::1] open_pair = open_pairs
    cdef double[::1] open_target = open_targets
    with nogil:
        _count(world)
        for t in range(n_steps):
            for s in range(world.n_states):
                occupancy[s] += world.counts[s]
            if deviates:
                deviator_state = world.states[deviator]
            reward = _reward(world)
            entropy = _move(world)
            population_rewards[t] = reward + entropy
            if deviates:
                deviator_rewards[t] = world.cell_rewards[deviator_state] + (
                    entropies[policy_index[deviator], deviator_state]
                )
            if (t + 1) % interval == 0 and t > 0:
                block = (t + 1) // interval - 1
                if block >= skipped:
                    for learner in range(n_learners):
                        transition = &transitions[learner, filled]
                        transition.target = open_target[learner]
                        transition.pair = <uint16_t>open_pair[learner]
                        transition.next_pair = <uint16_t>world.pairs[learners[learner]]
                        transition.unused = 0
                    filled += 1
            if (t + 2) % interval == 0:
                for learner in range(n_learners):
                    open_pair[learner] = world.pairs[learners[learner]]
                    state = open_pair[learner] // n_actions
                    open_target[learner] = world.cell_rewards[state] + (
                        entropies[policy_index[learners[learner]], state]
                    )


def policy_tables(const double[:, :, ::1] policies, double entropy_weight):
    """What the stepping kernels read of a policy.

    Parameters
    ----------
    policies : (n_policies, n_states, n_actions) float64
    entropy_weight : float
        lambda of the paper.

    Returns
    -------
    thresholds : (n_policies, n_states, n_actions - 1) int32
        Cumulated probabilities times 2**31, rounded, minus 1.
    entropies : (n_policies, n_states) float64
        h(pi(s)) = -lambda * sum of u log u.
    """
    cdef Py_ssize_t n_policies = policies.shape[0], n_states = policies.shape[1]
    cdef Py_ssize_t n_actions = policies.shape[2]
    thresholds = np.empty((n_policies, n_states, n_actions - 1), dtype=np.int32)
    entropies = np.empty((n_policies, n_states), dtype=np.float64)
    cdef int32_t[:, :, ::1] threshold = thresholds
    cdef double[:, ::1] entropy = entropies
    cdef Py_ssize_t p, s, a
    cdef double cumulated, total
    with nogil:
        for p in range(n_policies):
            for s in range(n_states):
                cumulated = 0.0
                for a in range(n_actions - 1):
                    cumulated += policies[p, s, a]
                    threshold[p, s, a] = <int32_t>(
                        <int64_t>rint(min(cumulated, 1.0) * 2147483648.0) - 1
                    )
                total = 0.0
                for a in range(n_actions):
                    if policies[p, s, a] > 0.0:
                        total += policies[p, s, a] * _log(policies[p, s, a])
                entropy[p, s] = -entropy_weight * total
    return thresholds, entropies

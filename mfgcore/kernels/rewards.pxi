# Rewards of the agents: from a table, where they depend on the cell and the number of agents there
# alone; otherwise computed by the game, once in a block of steps.
#
# The order of additions is part of what the kernels promise. With a table the rewards at a step are
# added cell by cell; those of a game agent by agent, dealt to CHAINS partial sums.

cdef enum:
    SUMMED = 8  # steps whose rewards are summed side by side, so that none waits for the last


cdef void _add_rewards(
    const double *cell_sums,
    const int32_t *counts,
    Py_ssize_t n_states,
    Py_ssize_t n_agents,
    double *totals,
) noexcept nogil:
    """Sum of the agents' rewards at SUMMED steps.

    `cell_sums`, (n_states, n_agents + 1), is the sum over the agents of one cell; `counts` is
    (SUMMED, n_states). A sum over the cells is n_states additions in a row, each of which waits
    for the one before; the sums of several steps do not wait for each other.
    """
    cdef double total[SUMMED]
    cdef Py_ssize_t s, t
    for t in range(SUMMED):
        total[t] = 0.0
    for s in range(n_states):
        for t in range(SUMMED):
            total[t] += cell_sums[counts[t * n_states + s]]
        cell_sums += n_agents + 1
    for t in range(SUMMED):
        totals[t] = total[t]


cdef double _add_pair_rewards(
    const double *rewards, const uint32_t *places, Py_ssize_t n_agents
) noexcept nogil:
    """Sum over the agents of the rewards of their pairs, which led to these places."""
    cdef double sum0 = 0.0, sum1 = 0.0, sum2 = 0.0, sum3 = 0.0
    cdef Py_ssize_t quarter, i
    for quarter in range(n_agents // CHAINS):
        i = CHAINS * quarter
        sum0 += rewards[places[i] >> 16]
        sum1 += rewards[places[i + 1] >> 16]
        sum2 += rewards[places[i + 2] >> 16]
        sum3 += rewards[places[i + 3] >> 16]
    for i in range(n_agents // CHAINS * CHAINS, n_agents):
        sum0 += rewards[places[i] >> 16]
    return (sum0 + sum1) + (sum2 + sum3)


@cython.final
cdef class _Rewards:
    """R(s, a, mu) at the steps of a block, for the population's sum and for single agents."""

    cdef _Workspace workspace
    cdef bint by_cell  # there is a table
    cdef Py_ssize_t size  # number of rewards at a step: of the cells, or of the pairs
    cdef const double[:, ::1] table  # (n_states, n_agents + 1)
    cdef double[:, ::1] cell_sums  # (n_states, n_agents + 1): of r + h if `shared`, else of r
    cdef bint shared  # of one policy for all, h is the same for everybody in a cell
    cdef object game
    cdef const double[:, :, ::1] computed  # (n, n_states, n_actions), at some steps, by the game
    cdef Py_ssize_t place_of[BLOCK]  # in what is computed, of a step of the block

    def __init__(self, _Workspace workspace, const double[:, ::1] table, game):
        cdef Environment *env = &workspace.env
        self.workspace, self.table, self.game = workspace, table, game
        self.by_cell = table is not None
        self.size = env.n_states * (1 if self.by_cell else env.n_actions)
        self.shared = False
        if self.by_cell and (
            table.shape[0] != env.n_states or table.shape[1] != env.n_agents + 1
        ):
            raise ValueError("rewards must have shape (n_states, n_agents + 1)")
        if self.by_cell and not np.isfinite(table).all():
            raise ValueError("rewards must be finite")
        if not self.by_cell and game is None:
            raise ValueError("rewards must be given, or a game")

    cdef void add_by_cell(self, tables, policy_index):
        """Prepare sums over the population, whose policies are these."""
        self.shared = bool((policy_index == policy_index[0]).all())
        bonus = tables["entropy"][policy_index[0]][:, None] if self.shared else 0.0
        self.cell_sums = (np.asarray(self.table) + bonus) * np.arange(self.table.shape[1])

    cdef int call_game(self, const Py_ssize_t *steps, Py_ssize_t n) except -1:
        """Compute the rewards at n steps of the block, whose counts are taken."""
        cdef Environment *env = &self.workspace.env
        cdef Py_ssize_t k
        wanted = np.empty(n, dtype=np.int64)
        for k in range(n):
            wanted[k] = steps[k]
            self.place_of[steps[k]] = k
        mean_fields = np.asarray(self.workspace.counts)[wanted] / env.n_agents
        shape = (n, env.n_states, env.n_actions)
        self.computed = _of_shape("rewards", self.game.checked_rewards(mean_fields), shape)
        return 0

    cdef void copy(self, Py_ssize_t t, double[::1] rewards) noexcept nogil:
        """Copy the rewards at step t of the block; `rewards` is (size,)."""
        cdef const double *computed
        cdef Py_ssize_t i
        if self.by_cell:
            for i in range(self.size):
                rewards[i] = self.table[i, self.workspace.counts[t, i]]
        else:
            computed = &self.computed[self.place_of[t], 0, 0]
            for i in range(self.size):
                rewards[i] = computed[i]

    cdef inline const uint32_t *places(self, Py_ssize_t t) noexcept nogil:
        """Where the agents are at step t of the block."""
        return self.workspace.env.places + t * self.workspace.env.n_agents

    cdef void of_agents(
        self, Py_ssize_t t, const double[::1] rewards, double[::1] found
    ) noexcept nogil:
        """Rewards of all agents at step t of the block, from those of `copy`."""
        cdef Py_ssize_t i, n = self.workspace.env.n_agents
        cdef const uint32_t *now = self.places(t)
        for i in range(n):
            found[i] = rewards[now[i] & 0xFFFF if self.by_cell else now[n + i] >> 16]

    cdef inline double of(self, Py_ssize_t t, Py_ssize_t agent) noexcept nogil:
        """Reward of an agent at step t of the block."""
        cdef Environment *env = &self.workspace.env
        cdef Py_ssize_t state = env.places[t * env.n_agents + agent] & 0xFFFF
        if self.by_cell:
            return self.table[state, self.workspace.counts[t, state]]
        cdef uint32_t pair = env.places[(t + 1) * env.n_agents + agent] >> 16
        return (&self.computed[self.place_of[t], 0, 0])[pair]

    cdef inline void add(self, Py_ssize_t n_steps, double *totals) noexcept nogil:
        """Sums over the population at the first steps of the block; `totals` is (BLOCK,)."""
        cdef Environment *env = &self.workspace.env
        cdef Py_ssize_t t
        if self.by_cell:
            for t in range((n_steps + SUMMED - 1) // SUMMED):
                _add_rewards(
                    &self.cell_sums[0, 0], &self.workspace.counts[SUMMED * t, 0], env.n_states,
                    env.n_agents, totals + SUMMED * t,
                )
            return
        for t in range(n_steps):
            totals[t] = _add_pair_rewards(
                &self.computed[self.place_of[t], 0, 0], env.places + (t + 1) * env.n_agents,
                env.n_agents,
            )

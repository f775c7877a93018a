# Exchange of rewards: what each agent takes for the population's average reward (D30).
#
# In each round agents pass on to their neighbours what they know of the rewards at one step. Links
# are between nodes: groups of agents that have the same neighbours or, where links fail at random,
# single agents. Row g of the matrix of bits `rows` is the nodes that node g hears, itself included.
#
# Without weights agents pass on all rewards that they have heard, and whose they are; their
# estimate is the mean of these (flooding). With weights, agents pass on one number, and move towards
# those of their neighbours by the weight of each link: w of the larger number of neighbours of its
# two ends, the same in both directions, so that the mean over all agents stays as it is.


cdef extern from *:
    """
    #include <stdint.h>
    #ifdef __GNUC__
    static inline int lowest_bit(uint64_t word) { return __builtin_ctzll(word); }
    #else
    static inline int lowest_bit(uint64_t word) {
        int bit = 0;
        while (!(word >> bit & 1)) bit++;
        return bit;
    }
    #endif

    /* Add to 64 counts how many bits of each word are set. */
    static void count_bits(uint64_t *counts, const uint64_t *words) {
        for (int k = 0; k < 64; k++) {
            uint64_t word = words[k];
            word -= word >> 1 & 0x5555555555555555u;
            word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
            word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
            word += word >> 8;
            word += word >> 16;
            counts[k] += (word + (word >> 32)) & 127;
        }
    }

    /* Which of 64 words of a SplitMix64 sequence are up, as bits; loops that compilers vectorise. */
    static uint64_t words_up(uint64_t first, uint64_t drop_threshold) {
        uint64_t up[64], bits = 0;
        for (uint64_t b = 0; b < 64; b++) {
            uint64_t word = first + b * 0x9E3779B97F4A7C15u;
            word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
            word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
            word = (word ^ (word >> 31)) >> 11;
            /* both are at most 2^53: the sign of the difference says which is larger */
            up[b] = (~(word - drop_threshold) >> 63) << b;
        }
        for (int b = 0; b < 64; b++) bits |= up[b];
        return bits;
    }

    /* Transpose 64 x 64 bits (Warren 2012, Hacker's Delight, 7-3). */
    static void transpose(uint64_t *block) {
        uint64_t mask = 0x00000000FFFFFFFFu;
        for (int half = 32; half; half >>= 1, mask ^= mask << half)
            for (int first = 0; first < 64; first += 2 * half)
                for (int k = first; k < first + half; k++) {
                    uint64_t swapped = (block[k] >> half ^ block[k + half]) & mask;
                    block[k] ^= swapped << half;
                    block[k + half] ^= swapped;
                }
    }

    /* Add a value to those of 64 totals whose bits are set, and 0 to the others. */
    static void add_where(double *totals, uint64_t bits, double value) {
        union { double number; uint64_t bits; } whole, part;
        whole.number = value;
        for (uint64_t b = 0; b < 64; b++) {
            part.bits = (0 - (bits >> b & 1)) & whole.bits;
            totals[b] += part.number;
        }
    }
    """
    int lowest_bit(uint64_t word) noexcept nogil
    void count_bits(uint64_t *counts, const uint64_t *words) noexcept nogil
    uint64_t words_up(uint64_t first, uint64_t drop_threshold) noexcept nogil
    void transpose(uint64_t *block) noexcept nogil
    void add_where(double *totals, uint64_t bits, double value) noexcept nogil

cdef enum:
    FEW = 8  # links to the agents of a word that are drawn one by one


@cython.final
cdef class _RewardExchange:
    """Memory and links of an exchange of rewards between agents."""

    cdef const int32_t[::1] groups  # of the agents; None: their states
    cdef const int32_t[::1] first_neighbour, neighbours
    cdef const double[::1] weights  # (n_agents,): of links, by number of neighbours; None: flooding
    cdef double[::1] errors  # of the transitions, or None
    cdef Py_ssize_t n_agents, n_groups, n_nodes, n_words, rounds
    cdef uint64_t seed, drop_threshold
    cdef bint failing, both_ways  # whether links fail; whether whoever is heard hears
    cdef bint placed  # whether the agents have been placed
    cdef bint known  # whether `reached` is that of all transitions
    cdef double[::1] estimates  # of the agents
    cdef double[::1] rewards  # of the agents
    cdef double[::1] sums, means, weight_sums  # of the nodes
    cdef int32_t[::1] node_of, group_of  # of the agents
    cdef int32_t[::1] sizes, degrees  # of the nodes
    cdef uint64_t *rows  # (n_nodes, n_words) each
    cdef uint64_t *reached
    cdef uint64_t *next
    cdef uint64_t *present  # (n_words,): the nodes where anybody is
    cdef uint64_t *inside  # (n_groups, n_words) each, where links fail: the agents in each group
    cdef uint64_t *near  # ... and whom these hear
    cdef object _kept

    def __init__(
        self,
        const int32_t[::1] groups,
        const int32_t[::1] first_neighbour,
        const int32_t[::1] neighbours not None,
        Py_ssize_t rounds,
        const double[::1] weights,
        uint64_t seed,
        uint64_t drop_threshold,
        double[::1] errors,
        Py_ssize_t n_agents,
        Py_ssize_t n_states,
    ):
        cdef Py_ssize_t g, b, i
        cdef bint itself
        _demand(first_neighbour is not None, "first_neighbour must be given with neighbours")
        self.n_groups = first_neighbour.shape[0] - 1
        if groups is None:
            _demand(self.n_groups == n_states, "first_neighbour must be of the states, or groups")
        else:
            _demand(groups.shape[0] == n_agents, "groups must have one entry for each agent")
            _check_indices("groups", groups, self.n_groups)
        _check_indices("neighbours", neighbours, self.n_groups)
        _check_indices("first_neighbour", first_neighbour, neighbours.shape[0] + 1)
        _check_count("exchange_rounds", rounds)
        for g in range(self.n_groups):
            itself = False
            for b in range(first_neighbour[g], first_neighbour[g + 1]):
                itself |= neighbours[b] == g
            _demand(itself, f"group {g} must be a neighbour of itself")
        if weights is not None:
            found = np.asarray(weights)
            fits = found.shape == (n_agents,) and (found >= 0.0).all()
            fits = fits and (found * np.arange(n_agents) <= 1.0 + EXCESS).all()
            _demand(fits, "link_weights must be one for each agent, >= 0 and <= 1 / its number")
        self.groups, self.first_neighbour, self.neighbours = groups, first_neighbour, neighbours
        self.weights, self.errors, self.rounds = weights, errors, rounds
        self.seed, self.drop_threshold = seed, min(drop_threshold, <uint64_t>1 << 53)
        self.failing = drop_threshold > 0
        self.placed = self.known = False
        if self.failing or weights is not None:
            begins = np.repeat(np.arange(self.n_groups), np.diff(first_neighbour))
            one, other = begins * self.n_groups, np.asarray(neighbours, dtype=np.int64)
            back = other * self.n_groups + begins
            self.both_ways = np.array_equal(np.unique(one + other), np.unique(back))
            _demand(
                self.both_ways or weights is None,
                "links with link_weights must be in both directions",
            )
        self.n_agents = n_agents
        self.n_nodes = n_agents if self.failing else self.n_groups
        self.n_words = (self.n_nodes + 63) // 64
        self.sums, self.means, self.weight_sums = np.zeros((3, self.n_nodes))
        self.estimates, self.rewards = np.zeros((2, n_agents))
        self.node_of, self.group_of = np.zeros((2, n_agents), dtype=np.int32)
        for i in range(n_agents):
            self.node_of[i] = <int32_t>i
        self.sizes, self.degrees = np.ones((2, self.n_nodes), dtype=np.int32)
        # of one number that is passed on, the rows are enough
        matrices = 1 if weights is not None or rounds == 0 else 3
        cdef uint64_t[:, :, ::1] bits = np.zeros(
            (matrices, self.n_nodes, self.n_words), dtype=np.uint64
        )
        cdef uint64_t[::1] present = np.zeros(self.n_words, dtype=np.uint64)
        cdef uint64_t[:, :, ::1] of_groups = np.zeros(
            (2, self.n_groups if self.failing else 1, self.n_words), dtype=np.uint64
        )
        self._kept = bits, present, of_groups
        self.present = &present[0]
        self.inside, self.near = &of_groups[0, 0, 0], &of_groups[1, 0, 0]
        self.rows = self.reached = self.next = &bits[0, 0, 0]
        if matrices > 1:
            self.reached, self.next = &bits[1, 0, 0], &bits[2, 0, 0]
        if not self.failing:
            for g in range(self.n_groups):
                for b in range(first_neighbour[g], first_neighbour[g + 1]):
                    _set_bit(self.rows + g * self.n_words, neighbours[b], True)

    cdef void run(self, const uint32_t *places, Py_ssize_t number) noexcept nogil:
        """Estimates from `rewards`, which are changed, at a transition: when agents were at places.

        The rounds of transition `number` are those from number * rounds on, of the sequence of
        seeds.
        """
        cdef Py_ssize_t i, c
        cdef double mean = 0.0, error = 0.0
        for i in range(self.n_agents):
            mean += self.rewards[i]
        mean /= self.n_agents
        if self.rounds > 0 and (self.groups is None or not self.placed):
            self.place(places)
            self.placed = True
        if self.rounds > 0 and self.weights is None:
            self.flood(mean, number)
        else:
            for c in range(self.rounds):
                if self.failing:
                    self.draw_links(number * self.rounds + c)
                self.average()
            for i in range(self.n_agents):
                self.estimates[i] = self.rewards[i]
        if self.errors is not None:
            for i in range(self.n_agents):
                error += (self.estimates[i] - mean) * (self.estimates[i] - mean)
            self.errors[number] = error / self.n_agents

    cdef void place(self, const uint32_t *places) noexcept nogil:
        """Find the agents' groups and nodes and, where links fail, whom each group hears."""
        cdef Py_ssize_t i, g
        for i in range(self.n_agents):
            self.group_of[i] = (
                <int32_t>(places[i] & 0xFFFF) if self.groups is None else self.groups[i]
            )
        for g in range(self.n_words):
            self.present[g] = 0
        if self.failing:
            for i in range(self.n_agents):
                _set_bit(self.present, i, True)
            self.find_neighbours()
            return
        for g in range(self.n_nodes):
            self.sizes[g] = 0
        for i in range(self.n_agents):
            self.node_of[i] = self.group_of[i]
            self.sizes[self.node_of[i]] += 1
            _set_bit(self.present, self.node_of[i], True)

    cdef void find_neighbours(self) noexcept nogil:
        """Find the agents whom those of each group hear if no link fails."""
        cdef Py_ssize_t i, g, b, w, n = self.n_words
        cdef const uint64_t *source
        for i in range(self.n_groups * n):
            self.inside[i] = self.near[i] = 0
        for i in range(self.n_agents):
            _set_bit(self.inside + self.group_of[i] * n, i, True)
        for g in range(self.n_groups):
            for b in range(self.first_neighbour[g], self.first_neighbour[g + 1]):
                source = self.inside + self.neighbours[b] * n
                for w in range(n):
                    self.near[g * n + w] |= source[w]

    cdef void draw_links(self, Py_ssize_t number) noexcept nogil:
        """Draw the links of single agents that are up in a round."""
        cdef uint64_t seed = _splitmix(self.seed, number)
        cdef const uint64_t *near
        cdef uint64_t *row
        cdef uint64_t word
        cdef Py_ssize_t i, w, own, n = self.n_words
        for i in range(self.n_agents):
            near, row = self.near + self.group_of[i] * n, self.rows + i * n
            own = i >> 6
            for w in range(n):
                word = near[w]
                if self.both_ways and w <= own:  # what is before is drawn from the other end
                    word = word & ~<uint64_t>0 << (i & 63) if w == own else 0
                if w == own:
                    word &= ~((<uint64_t>1) << (i & 63))
                row[w] = self.links_up(seed, i, w, word)
                if w == own:
                    row[w] |= (<uint64_t>1) << (i & 63)
        if self.both_ways:
            self.mirror()

    cdef inline uint64_t links_up(
        self, uint64_t seed, Py_ssize_t i, Py_ssize_t w, uint64_t near
    ) noexcept nogil:
        """Those of the links from an agent to some of a word that are up; as bits."""
        cdef uint64_t word = near, up = 0, first
        cdef Py_ssize_t few = FEW, bit
        while word and few:
            word &= word - 1
            few -= 1
        # where all are of larger agents, the numbers of a whole word follow one another
        if word and (w > i >> 6 or self.both_ways):
            first = <uint64_t>i << 32 | <uint64_t>(w * 64)
            first = seed + (first + 1) * <uint64_t>0x9E3779B97F4A7C15
            return near & words_up(first, self.drop_threshold)
        word = near
        while word:
            bit = lowest_bit(word)
            word &= word - 1
            up |= <uint64_t>_is_up(
                seed, <int32_t>i, <int32_t>(w * 64 + bit), self.drop_threshold
            ) << bit
        return up

    cdef void mirror(self) noexcept nogil:
        """Make links that were drawn to agents of larger numbers those of both ends."""
        cdef uint64_t[64] block
        cdef Py_ssize_t v, w, k, last, n = self.n_words
        for v in range(n):
            last = min(64, self.n_agents - v * 64)
            for w in range(v, n):
                for k in range(64):
                    block[k] = self.rows[(v * 64 + k) * n + w] if k < last else 0
                transpose(block)
                for k in range(min(64, self.n_agents - w * 64)):
                    self.rows[(w * 64 + k) * n + v] |= block[k]

    cdef void flood(self, double mean, Py_ssize_t number) noexcept nogil:
        """Mean of the rewards that each agent has heard after the rounds."""
        cdef Py_ssize_t i, g, h, w
        cdef int64_t heard
        cdef double total, of_word  # no sum of a word waits for that of another
        cdef uint64_t word
        if not self.known:
            self.spread(number)
            self.known = self.groups is not None and not self.failing
        self.sum_up()
        if self.failing:
            self.sum_up_heard(mean)
            return
        for g in range(self.n_nodes):
            total, heard = 0.0, 0
            for w in range(self.n_words):
                word, of_word = self.reached[g * self.n_words + w], 0.0
                while word:
                    h = w * 64 + lowest_bit(word)
                    word &= word - 1
                    heard += self.sizes[h]
                    of_word += self.sums[h]
                total += of_word
            # the mean of all is summed in the order of the agents, whoever has heard of them
            self.means[g] = mean if heard == self.n_agents else total / max(1, heard)
        for i in range(self.n_agents):
            self.estimates[i] = self.means[self.node_of[i]]

    cdef void sum_up_heard(self, double mean) noexcept nogil:
        """The same where each node is an agent: 64 nodes at once, in the same order for each."""
        cdef uint64_t[64] block
        cdef double[64] totals
        cdef double[64] of_word
        cdef uint64_t[64] heard
        cdef Py_ssize_t v, w, k, last, n = self.n_words
        for v in range(n):
            last = min(64, self.n_agents - v * 64)
            for k in range(64):
                totals[k], heard[k] = 0.0, 0
            for w in range(n):
                for k in range(64):
                    block[k] = self.reached[(v * 64 + k) * n + w] if k < last else 0
                    of_word[k] = 0.0
                count_bits(heard, block)
                transpose(block)
                for k in range(min(64, self.n_agents - w * 64)):
                    add_where(of_word, block[k], self.sums[w * 64 + k])
                for k in range(64):
                    totals[k] += of_word[k]
            for k in range(last):
                self.estimates[v * 64 + k] = (
                    mean if heard[k] == <uint64_t>self.n_agents else totals[k] / <double>max(1, heard[k])
                )

    cdef void sum_up(self) noexcept nogil:
        """Sum the rewards of each node."""
        cdef Py_ssize_t i, g
        for g in range(self.n_nodes):
            self.sums[g] = 0.0
        for i in range(self.n_agents):
            self.sums[self.node_of[i]] += self.rewards[i]

    cdef void spread(self, Py_ssize_t number) noexcept nogil:
        """Find the nodes of which each has heard after the rounds of a transition."""
        cdef Py_ssize_t c, g, w, n = self.n_words
        cdef uint64_t *target
        cdef uint64_t missing, changed
        for c in range(self.rounds):
            if self.failing:
                self.draw_links(number * self.rounds + c)
            missing = changed = 0
            for g in range(self.n_nodes):
                target = self.next + g * n
                for w in range(n):
                    target[w] = 0
                if self.sizes[g] == 0:
                    continue
                self.hear(g, target, c == 0)
                for w in range(n):
                    missing |= self.present[w] & ~target[w]
                    changed |= target[w] ^ self.reached[g * n + w]
            self.reached, self.next = self.next, self.reached
            if not missing or not (changed or self.failing or c == 0):
                break

    cdef inline void hear(self, Py_ssize_t g, uint64_t *target, bint first) noexcept nogil:
        """Add to `target` all of which the neighbours of a node have heard."""
        cdef Py_ssize_t h, w, n = self.n_words
        cdef const uint64_t *row = self.rows + g * n
        cdef const uint64_t *source
        cdef uint64_t word
        for h in range(n):
            word = row[h] & self.present[h]
            if first:  # each has heard of itself
                target[h] = word
                continue
            while word:
                source = self.reached + (h * 64 + lowest_bit(word)) * n
                word &= word - 1
                for w in range(n):
                    target[w] |= source[w]

    cdef void average(self) noexcept nogil:
        """Move the agents' numbers towards those of their neighbours, by the weights of links."""
        cdef Py_ssize_t i, g, h, w
        cdef double weight, pull, total
        cdef uint64_t word
        self.sum_up()
        for g in range(self.n_nodes):
            self.degrees[g] = -1
            for w in range(self.n_words):
                word = self.rows[g * self.n_words + w] & self.present[w]
                while word:
                    self.degrees[g] += self.sizes[w * 64 + lowest_bit(word)]
                    word &= word - 1
        for g in range(self.n_nodes):
            if self.sizes[g] == 0:
                continue
            pull = total = 0.0
            for w in range(self.n_words):
                word = self.rows[g * self.n_words + w] & self.present[w]
                while word:
                    h = w * 64 + lowest_bit(word)
                    word &= word - 1
                    weight = self.weights[max(self.degrees[g], self.degrees[h])]
                    pull += weight * self.sums[h]
                    total += weight * self.sizes[h]
            self.means[g], self.weight_sums[g] = pull, total
        for i in range(self.n_agents):
            g = self.node_of[i]
            self.rewards[i] += self.means[g] - self.weight_sums[g] * self.rewards[i]


cdef inline void _set_bit(uint64_t *row, Py_ssize_t place, bint value) noexcept nogil:
    row[place >> 6] |= (<uint64_t>value) << (place & 63)

"""Exchange of rewards at one step, agent by agent and with sets of whom each has heard of (D30)."""

from reference import gossip


def hears(first_neighbour, neighbours, group_of, seed, drop_threshold):
    """Who hears whom in round `number` of the sequence of seeds: a function of it and the agent."""

    def heard(number, i):
        begin, end = first_neighbour[group_of[i]], first_neighbour[group_of[i] + 1]
        near = set(neighbours[begin:end].tolist())
        of_round = gossip.splitmix(seed, number)
        return [
            j
            for j in range(len(group_of))
            if group_of[j] in near and gossip.is_up(of_round, i, j, drop_threshold * 2.0**-53)
        ]

    return heard


def mean(values):
    """In the order of the agents."""
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def by_node(agents, values, node_of):
    """Sum over some agents, node by node, and of the nodes 64 by 64."""
    total = 0.0
    nodes = sorted({node_of[j] for j in agents})
    for word in sorted({node // 64 for node in nodes}):
        of_word = 0.0
        for node in nodes:
            if node // 64 == word:
                of_node = 0.0
                for j in agents:
                    if node_of[j] == node:
                        of_node += values[j]
                of_word += of_node
        total += of_word
    return total


def flood(values, rounds, heard_by, node_of, first):
    """Each agent's mean of all rewards that it has heard."""
    n = len(values)
    known = [{i} for i in range(n)]
    for c in range(rounds):
        known = [set().union(*(known[j] for j in heard_by(first + c, i))) for i in range(n)]
    return [
        mean(values) if len(each) == n else by_node(sorted(each), values, node_of) / len(each)
        for each in known
    ]


def average(values, rounds, heard_by, node_of, first, weights):
    """Each agent's number after it moved towards those of its neighbours."""
    n = len(values)
    for c in range(rounds):
        near = [heard_by(first + c, i) for i in range(n)]
        moved = []
        for i in range(n):
            pull = total = 0.0
            for node in sorted({node_of[j] for j in near[i]}):
                members = [j for j in near[i] if node_of[j] == node]
                weight = weights[max(len(near[i]), len(near[members[0]])) - 1]
                pull += weight * by_node(members, values, node_of)
                total += weight * len(members)
            moved.append(values[i] + (pull - total * values[i]))
        values = moved
    return values


def estimates(
    values,
    states,
    number,
    *,
    first_neighbour,
    neighbours,
    groups=None,
    exchange_rounds=0,
    link_weights=None,
    seed=0,
    drop_threshold=0,
):
    """What each agent takes for the average of the values, and the mean square of its error."""
    group_of = [int(group) for group in (states if groups is None else groups)]
    node_of = range(len(values)) if drop_threshold else group_of
    heard_by = hears(first_neighbour, neighbours, group_of, seed, drop_threshold)
    found, first = list(values), number * exchange_rounds
    if link_weights is not None:
        weights = link_weights.tolist()
        found = average(found, exchange_rounds, heard_by, node_of, first, weights)
    elif exchange_rounds:
        found = flood(found, exchange_rounds, heard_by, node_of, first)
    exact, error = mean(values), 0.0
    for each in found:
        error += (each - exact) * (each - exact)
    return found, error / len(values)

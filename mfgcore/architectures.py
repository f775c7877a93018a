"""The three architectures as values of one algorithm: who learns, and who hears whom (D.3)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """What distinguishes an architecture from the others.

    Parameters
    ----------
    learners : {"all", "one"}
        Who learns: everybody, or agent 0 alone.
    hears : {"nobody", "neighbours", "learner"}
        Whose policies an agent can adopt: nobody's; those of the agents within the communication
        radius, one round after the other; or agent 0's, at once.
    """

    learners: str
    hears: str

    def n_learners(self, n_agents):
        """Number of learners among so many agents; they are the first ones."""
        return 1 if self.learners == "one" else n_agents


ARCHITECTURES = {
    "centralised": Architecture(learners="one", hears="learner"),
    "independent": Architecture(learners="all", hears="nobody"),
    "networked": Architecture(learners="all", hears="neighbours"),
}

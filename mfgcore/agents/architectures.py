"""The three architectures as values of one algorithm: who learns, and who hears whom (D.3).

To add one, write a function here that returns an :class:`Architecture`, and register it with the
parameters of the experiment that it needs.
"""

from dataclasses import dataclass

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, unknown_name
from mfgcore._base.registry import Registry

LEARNERS = ("all", "one")
HEARS = ("nobody", "neighbours", "learner")
# what is read only where policies travel between neighbours
BY_NETWORK = ("network", "link_failure_probability", "score_rule", "adoption")

ARCHITECTURES = Registry("architecture")
register = ARCHITECTURES.register


@checked
@dataclass(frozen=True)
class Architecture:
    """What distinguishes an architecture from the others.

    Parameters
    ----------
    learners : {"all", "one"}
        Who learns: everybody, or agent 0 alone.
    hears : {"nobody", "neighbours", "learner"}
        Whose policies an agent can adopt: nobody's; those of the agents that the network links to
        it, one round after the other; or agent 0's, at once.

    Raises
    ------
    ConfigurationError
        For any other value.
    """

    learners: str
    hears: str

    def __post_init__(self) -> None:
        for key, known in (("learners", LEARNERS), ("hears", HEARS)):
            if getattr(self, key) not in known:
                raise ConfigurationError(
                    f"{key}: {unknown_name('value', getattr(self, key), known)}"
                )

    def n_learners(self, n_agents: int) -> int:
        """Number of learners among so many agents; they are the first ones."""
        return 1 if self.learners == "one" else n_agents


@register
def centralised() -> Architecture:
    """One agent learns, and its policy is pushed to everybody."""
    return Architecture(learners="one", hears="learner")


@register
def independent() -> Architecture:
    """Everybody learns alone."""
    return Architecture(learners="all", hears="nobody")


@register(*BY_NETWORK)
def networked() -> Architecture:
    """Everybody learns, and policies spread between neighbours."""
    return Architecture(learners="all", hears="neighbours")

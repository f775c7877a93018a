"""The three architectures as values of one algorithm: who learns, and how policies spread (D.3)."""

from mfgcore.experiment.components import ARCHITECTURES, Architecture

register = ARCHITECTURES.register


@register
def centralised() -> Architecture:
    """One agent learns, and its policy is pushed to everybody."""
    return Architecture(learners=1, communication="broadcast")


@register
def independent() -> Architecture:
    """Everybody learns alone."""
    return Architecture(learners=1.0, communication="none")


@register
def networked() -> Architecture:
    """Everybody learns, and policies spread between neighbours."""
    return Architecture(learners=1.0, communication="network")

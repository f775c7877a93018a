"""Metrics: what a run measures."""

from mfgcore.metrics.definitions import METRICS, IterationRecord, Metric, metric

__all__ = ["METRICS", "IterationRecord", "Metric", "metric"]

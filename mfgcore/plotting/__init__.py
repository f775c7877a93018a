"""Figures, statistics over trials and the explorer page."""

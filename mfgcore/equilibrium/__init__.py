"""Equilibria: solvers of mean-field games, and what policies are worth among N agents."""

"""Theory of the paper: bounds, equilibria and numbers that its theorems speak of."""

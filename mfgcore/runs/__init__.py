"""One run: simulation, checkpoints, datasets and resources."""

"""The study of the paper: claims, readings and generality."""

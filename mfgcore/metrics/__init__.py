"""What is recorded in each iteration."""

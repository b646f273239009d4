"""Typed search spaces, and the one door to Optuna."""

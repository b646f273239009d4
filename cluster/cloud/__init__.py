"""Checks of files for Ray's cluster launcher, against Ray's schema and the vendors' own models."""

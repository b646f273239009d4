"""Data sets, splits, corruptions; prepared data on disk. ``loading.load`` gives a run its parts."""

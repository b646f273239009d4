"""From a copy of a data set to memory-mapped arrays: done once, before any run."""

"""A folder for the PYTHONPATH of nodes in the lab, so that several fit on one machine."""

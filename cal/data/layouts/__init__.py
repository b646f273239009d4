"""How data sets lie on disk, one file for each. ``table.LAYOUTS`` lists them."""

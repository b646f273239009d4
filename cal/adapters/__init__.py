"""The only door out of cal: Ray (ray_*.py) and MLflow (tracking*.py). Only cal.train opens it."""

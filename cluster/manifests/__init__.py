"""Checks of Kubernetes manifests that need no Kubernetes: Python and the lock's packages alone."""

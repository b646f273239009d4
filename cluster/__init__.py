"""Programs and files around a cluster; only tests and benchmarks import them."""

"""Real services on loopback, started and killed one by one: what demo, chaos and tests stand on.

Each is a ``Service`` (``processes``): a context manager that starts one program, restarts it on
the same port and ends it with everything that it started, by process id alone. ``ray_nodes`` makes
heads and nodes, ``mlflow_server``, ``s3_server`` and ``databases`` the rest. What a client needs to
reach a service stands in ``service.client``, names and values of environment variables: services
and commands are joined by adding those. Secrets are drawn anew each time and never stand in a
command line.
"""

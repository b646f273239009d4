"""Programs and files around a cluster; nothing imports them."""

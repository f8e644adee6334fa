"""Where everything is kept: private cluster, connections, schema and all SQL."""

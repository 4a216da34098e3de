"""The Docker engine; the only room that knows docker-py."""

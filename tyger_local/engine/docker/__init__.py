"""The Docker engine, and the only room that knows docker-py.

A run on the engine of this machine does without docker-py, whose loading takes longer than making a
container; see `transport`.
"""

from tyger_local.engine.docker.engine import DockerEngine

__all__ = ["DockerEngine"]

"""The Docker engine; the only room that knows docker-py.

docker-py resolves contexts, TLS and credentials, and speaks to every engine that Docker's own client
reaches. It is imported with this package, which is why the package is imported late.
"""

from tyger_local.engine.docker.engine import DockerEngine

__all__ = ["DockerEngine"]

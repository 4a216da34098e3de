"""Run Tyger codespecs on your own machine, and learn what the cluster would do.

>>> from tyger_local import Workspace
>>> workspace = Workspace()
>>> workspace.codespecs.create("hello", {"image": "busybox", "args": ["echo", "hello"]})
CreatedVersion(name='hello', version=1, is_new=True)
"""

from tyger_local.workspace import Workspace

__version__ = "0.1.0"

__all__ = ["Workspace", "__version__"]

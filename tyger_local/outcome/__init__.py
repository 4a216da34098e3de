"""How a run ended, as values: facts, the verdict over them, statistics and the record.

Pure: the facts are gathered by the runner; here they are only judged and written down.
"""

"""What people write: quantities, references, YAML, codespecs, run files, and flags over them.

Pure: text and plain values in, values or errors out. Nothing here opens a file, reads the clock or
knows an engine. Modules are imported by name (``from tyger_local.spec.quantity import ...``) so that
reading a stored document never loads YAML.
"""

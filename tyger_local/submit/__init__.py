"""The same run on a cluster: through Tyger's own client, which is called as a program."""

"""A codespec or a run, written down for something else that runs it: functions of codespec and plan."""

"""Will runs work on this machine? Each question is a function that tries, and answers with values."""

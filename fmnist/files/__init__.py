"""Files and folders: atomic writes, locks, typed documents, the version of the code."""

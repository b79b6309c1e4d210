"""Client of a Pachyderm server."""

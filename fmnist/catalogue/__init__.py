"""Catalogue: what outlives a command, such as the promotions of versions."""

"""Catalogue: a small database of what outlives a command.

Promotions are in the database of ``FMNIST_CATALOGUE_URI``, so that several machines can share one
history. What concerns one machine alone, its servers and how far its watchers came, is always in
``catalogue.db`` of its home: process ids and ports mean nothing elsewhere, data repos of DVC are a home's
own, and ``fmnist down`` must work while a Postgres is away.
"""

"""Serving on one machine: a microservice for each version behind one Envoy."""

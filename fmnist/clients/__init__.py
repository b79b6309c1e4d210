"""Clients of outside systems, one module each: address, session, deadlines, and one mapping of its errors."""

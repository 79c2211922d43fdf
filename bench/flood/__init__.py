"""Junk beside established traffic: what of that still arrives, and what the relay does for the junk."""

"""The fourth stage: is this version good enough to serve?"""

"""Optuna holds the study and draws the points; nothing outside this folder imports it."""

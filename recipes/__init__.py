"""How the shipped models and their data were made: run from a clone, no part of the package."""

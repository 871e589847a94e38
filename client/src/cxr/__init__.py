"""The command-line client of CXR Commons."""

__version__ = "0.1.0"

"""Demo content: made by the portal's own services and workers, so that what a visitor sees is what the program does."""

from portal.demo.make import is_complete, log_ins, make

__all__ = ["is_complete", "log_ins", "make"]

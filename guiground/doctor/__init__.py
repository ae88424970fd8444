"""Whether everything that guiground needs works on this machine, and what to do about what does not."""

from guiground.doctor.check import Check

__all__ = ["Check"]

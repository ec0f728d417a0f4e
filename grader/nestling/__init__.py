"""Nestling: the grader and the tools of the labs."""

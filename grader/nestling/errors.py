"""The error that ends a command with one clear line."""


class UserError(Exception):
    """Something the user can put right; its text says what, where, and the next step."""

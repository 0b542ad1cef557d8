"""The user under whom a PostgreSQL server of the tests runs."""

import os


def as_server_user(command: list[str]) -> list[str]:
    """A command as that user: root may not start the server itself."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command

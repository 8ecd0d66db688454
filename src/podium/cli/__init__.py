"""The command line."""


def main() -> int:
    """What the installed script calls; gives the exit code."""
    from podium.cli.app import main

    return main()

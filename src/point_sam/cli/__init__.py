"""The command line. Its modules import torch, numpy and the readers inside the commands, so that --help is quick."""


def main() -> None:
    """Run `point-sam` on the arguments of the process, and exit."""
    from point_sam.cli.app import build

    build()(prog_name="point-sam")

"""``fmnist search``: run a search, and show the trials of a study."""

import click

from fmnist.cli.search.run import run
from fmnist.cli.search.show import show

_HELP = ("-h", "--help")


class _SearchGroup(click.Group):
    """``fmnist search FILE`` is ``fmnist search run FILE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *_HELP):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] FILE")
        formatter.write_usage(ctx.command_path, "show [STUDY]")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        run.format_help_text(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        run.format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([("show", show.get_short_help_str())])


@click.group(cls=_SearchGroup, no_args_is_help=True)
def search() -> None:
    """Search hyperparameters; show the trials of a study."""


search.add_command(run)
search.add_command(show)

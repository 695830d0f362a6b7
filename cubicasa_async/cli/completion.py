"""`cubicasa completion`: what completes the command in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Write what completes commands, options and known values in SHELL.

    \b
    Examples:
      bash: echo 'eval "$(cubicasa completion bash)"' >> ~/.bashrc
      zsh:  echo 'eval "$(cubicasa completion zsh)"' >> ~/.zshrc
      fish: cubicasa completion fish > ~/.config/fish/completions/cubicasa.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click completes nothing in {shell}.")
    source = found(ctx.find_root().command, {}, "cubicasa", "_CUBICASA_COMPLETE").source()
    click.echo(source)

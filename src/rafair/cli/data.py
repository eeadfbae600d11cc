"""`rafair data`: which data sets there are, what is in them, and how to get them."""
import typer
app = typer.Typer()

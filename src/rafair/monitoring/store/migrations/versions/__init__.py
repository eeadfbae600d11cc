"""One module for each change of the tables; none is ever altered once it was released."""

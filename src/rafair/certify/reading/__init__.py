"""From a classifier to its formula: what each column of its matrix follows from, and its trees."""

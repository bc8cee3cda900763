"""Built-in domains: labelled examples without end, made from seeds by written rules."""

"""The command line, one file per group of commands; each command imports the rooms it needs when it is chosen."""

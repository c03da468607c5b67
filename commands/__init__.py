"""Every command of the command line, and nothing else."""

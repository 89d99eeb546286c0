"""Edge: run files, plan, execution, store, provenance, report.

runfile      TOML -> checked options of every stage
registry     the stages and where they are imported from
plan         what is up to date, what runs and why
store        the only code that opens netCDF files: atomic, checksummed
manifest     what a run folder holds, with the SHA-256 of each file
checkpoint   the state of a task between two attempts
task         one task: parents in, one part file out
execution    the only code that starts processes: process pool, Dask, in this process
progress     bars on a terminal, log lines otherwise
run          all of it: `multiscale run`
report       one static page about a finished run
"""

"""Edge: run files, plan, execution, store, provenance, report.

runfile      TOML -> checked options of every stage
registry     the stages and where they are imported from
plan         what is up to date, what runs and why
store        the only code that opens netCDF files: atomic, checksummed
manifest     what a run folder holds, with the SHA-256 of each file
checkpoint   the state of a task between two attempts
task         one task: parents in, one part file out
graph        tasks that wait for each other, through the death of workers
execution    the only code that starts processes: process pool, Dask, in this process
progress     bars on a terminal, log lines otherwise
run          all of it: `multiscale run`
preflight    one look before anything is computed
report       one static page about a finished run
single       one stage by hand; what a file holds
export       results for other programs
potentials   training and keeping potentials; training: the commands for it
"""

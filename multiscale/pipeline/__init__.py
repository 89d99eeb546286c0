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
potentials   options of training, keeping potentials; training: the command, training_state: its
             checkpoints, training_report: its page; committees and active sets: committees
evaluation   the command evaluate
active       active learning in a folder
spectra      the command spectra
signals      Ctrl-C and SIGTERM, obeyed also where an exception is lost
"""

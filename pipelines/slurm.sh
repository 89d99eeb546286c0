#!/bin/bash
# The whole run in one allocation, tasks on Dask workers. sbatch pipelines/slurm.sh my.toml
# Out of wall time? Submit the same line again: finished files and checkpoints are kept.
#SBATCH --job-name=multiscale
#SBATCH --ntasks=16
#SBATCH --cpus-per-task=1
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@120
set -eu
run=${1:?usage: sbatch pipelines/slurm.sh RUN.toml}
export OMP_NUM_THREADS=1
cluster="scheduler-$SLURM_JOB_ID.json"

dask scheduler --scheduler-file "$cluster" --no-dashboard &
srun --ntasks="$SLURM_NTASKS" dask worker --scheduler-file "$cluster" \
  --nthreads 1 --memory-limit 0 --no-dashboard --death-timeout 120 &
until [ -s "$cluster" ]; do sleep 1; done

multiscale run "$run" --scheduler-file "$cluster" &
driver=$!
trap 'kill -TERM "$driver"' TERM
trap 'kill $(jobs -p) 2>/dev/null || :; rm -f "$cluster"' EXIT
# The trap ends the first wait; the second gives the driver time to stop cleanly.
wait "$driver" || wait "$driver"

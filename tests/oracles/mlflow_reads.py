"""Prints as JSON what MLflow's own client reads of the only run of an experiment.

    pip install mlflow-skinny && python tests/oracles/mlflow_reads.py http://127.0.0.1:5000 NAME FOLDER

Artifacts are fetched into FOLDER. Ends with 77 where a package is missing that the client or the
server needs; with no arguments it looks for these only.
"""

import json
import sys

# `statistics.py` beside this file is not the one that the packages import.
del sys.path[0]

try:
    import alembic
    import flask
    import flask_cors
    import graphene
    import huey
    import pandas
    import sqlalchemy
    from mlflow.tracking import MlflowClient
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(77)

if len(sys.argv) == 1:
    sys.exit()
address, name, folder = sys.argv[1:]
client = MlflowClient(address)
experiment = client.get_experiment_by_name(name)
(run,) = client.search_runs([experiment.experiment_id])
history = {}
for key in run.data.metrics:
    points = client.get_metric_history(run.info.run_id, key)
    history[key] = [[point.step, point.value] for point in points]
files = {}
for file in client.list_artifacts(run.info.run_id):
    path = client.download_artifacts(run.info.run_id, file.path, folder)
    with open(path, "rb") as content:
        files[file.path] = content.read(8).hex()
print(
    json.dumps(
        {
            "name": run.info.run_name,
            "status": run.info.status,
            "params": run.data.params,
            "tags": run.data.tags,
            "metrics": history,
            "artifacts": files,
        }
    )
)

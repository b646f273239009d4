-- Run once, when the volume is empty. MLflow's users have their own tables, apart from the runs.
CREATE DATABASE mlflow_auth OWNER mlflow;

"""What runs Freshet: deployments out of freshet.yaml, alerts, a server and a worker on one machine."""

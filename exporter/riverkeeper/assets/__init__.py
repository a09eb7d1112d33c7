"""Files to deploy with Riverkeeper: alert rules, Alertmanager's configuration, dashboards and manifests."""

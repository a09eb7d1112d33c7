"""What is deployed beside the keeper: alert rules, Alertmanager's configuration, and what else belongs to them."""

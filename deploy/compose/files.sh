#!/bin/sh
# Copies what the services read from the clone into the volume that they share, each file readable to the user who needs it.
# A clone made with umask 077 is readable to its owner alone, and the services run as other users.
set -eu
mkdir -p /files/alerts /files/secrets
cp -R /clone/deploy/compose/prometheus.yml /clone/deploy/compose/riverkeeper.yml /clone/alerts/riverkeeper.tmpl \
    /clone/deploy/grafana/provisioning /clone/dashboards/json /files
cp /clone/alerts/*.yml /files/alerts
# Boards link to Riverkeeper where the browser of the demo finds it.
sed -i 's|https://set-assets-keeper-url.invalid|http://127.0.0.1:9816|g' /files/json/*.json
# The demo has no pager, no Slack and no mail. Alertmanager's own page shows what these receivers would get.
sed '/^  - name: deadmansswitch$/,$d' /clone/alerts/alertmanager.yml >/files/alertmanager.yml
printf '  - name: %s\n' deadmansswitch pages tickets info >>/files/alertmanager.yml
chmod -R a+rX /files
# Riverkeeper (65532) reads both secrets, Alertmanager (group 65534) the token, nobody else anything.
install -o 65532 -g 65532 -m 0400 /clone/deploy/compose/demo-database-url /files/secrets/database-url
install -o 65532 -g 65534 -m 0440 /clone/deploy/compose/demo-webhook-token /files/secrets/riverkeeper-token

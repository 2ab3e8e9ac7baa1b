#!/bin/sh
# Creates the services' Consul token, and the settings of each service that has none. It may be run again.
set -eu
rules='
service_prefix "" { policy = "write" }
node_prefix "" { policy = "read" }
agent_prefix "" { policy = "read" }
key_prefix "waybill/" { policy = "read" }
'
if ! consul acl policy read -name waybill-services > /dev/null 2>&1; then
  consul acl policy create -name waybill-services -rules "$rules" > /dev/null
fi
if ! consul acl token read -self -token "$SERVICES_TOKEN" > /dev/null 2>&1; then
  consul acl token create -description 'the services of Waybill' -policy-name waybill-services \
    -secret "$SERVICES_TOKEN" > /dev/null
fi
for service in orders inventory payment shipping gateway bff-web bff-mobile; do
  # The index 0 writes only a missing key.
  consul kv put -cas -modify-index=0 "waybill/$service" '{}' > /dev/null 2>&1 || consul kv get "waybill/$service" > /dev/null
done

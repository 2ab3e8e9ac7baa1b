#!/bin/sh
# Writes .env for docker-compose.yml with new secrets, unless there is one: new-env.sh trial | own-issuer.
set -eu
identity=${1:-}
case $identity in
  trial | own-issuer) ;;
  *)
    echo "usage: $0 trial | own-issuer" >&2
    exit 2
    ;;
esac
if [ -e .env ]; then
  echo ".env is there already: remove it first, and the volumes that were made with it" >&2
  exit 1
fi

random() {
  od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'
}

# Consul accepts only tokens of this form.
uuid() {
  random | sed 's/\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)\(.\{12\}\).*/\1-\2-\3-\4-\5/'
}

umask 077
{
  echo "COMPOSE_FILE=docker-compose.yml:deploy/compose/$identity.yml"
  for name in POSTGRES_PASSWORD MONGO_PASSWORD MONGO_KEY REDIS_PASSWORD GRAFANA_PASSWORD \
    ORDERS_PASSWORD INVENTORY_PASSWORD PAYMENT_PASSWORD SHIPPING_PASSWORD BUS_PASSWORD TEMPORAL_PASSWORD \
    PAYMENT_WEBHOOK_SECRET CARRIER_WEBHOOK_SECRET; do
    echo "$name=$(random)"
  done
  for name in CONSUL_MANAGEMENT_TOKEN CONSUL_HTTP_TOKEN; do
    echo "$name=$(uuid)"
  done
  if [ "$identity" = own-issuer ]; then
    cat <<'END'
# Your identity provider, and a folder with a token of the role `service` for each service: orders.token, inventory.token, …
AUTH_JWKS_URL=
AUTH_ISSUER=
AUTH_AUDIENCE=
SERVICE_TOKENS_DIR=
# Your payment provider and your carrier
PAYMENT_PROVIDER_URL=
CARRIER_URL=
END
  fi
} > .env.partial
mv .env.partial .env

// Tests how orders finds the other services: by URL variables, or by discovery.
import { expect, test } from 'vitest'
import { readOrdersConfig } from '#subgraphs/orders/config.ts'

const ENVIRONMENT = {
  PORT: '0',
  DATABASE_URL: 'postgres://db/orders',
  EVENT_BUS_URL: 'postgres://db/bus',
  AUTH_JWKS_URL: 'https://id.example/jwks',
  AUTH_ISSUER: 'https://id.example',
  AUTH_AUDIENCE: 'waybill',
  SERVICE_TOKEN_FILE: '/run/token',
}

test('with DISCOVERY_URL, services without a URL variable are addressed by their names', () => {
  const read = readOrdersConfig({
    ...ENVIRONMENT,
    DISCOVERY_URL: 'dns:///shop.svc.cluster.local',
    PAYMENT_URL: 'http://a/graphql|http://b/graphql',
  })
  expect(read).toMatchObject({
    inventoryUrl: 'service://inventory/graphql',
    paymentUrl: 'http://a/graphql|http://b/graphql',
    shippingUrl: 'service://shipping/graphql',
    discovery: { url: 'dns:///shop.svc.cluster.local', weight: 1 },
  })
})

test('without DISCOVERY_URL, each missing URL variable is named', () => {
  expect(() => readOrdersConfig({ ...ENVIRONMENT, PAYMENT_URL: 'http://a/graphql' })).toThrow(
    /INVENTORY_URL: is not set[\s\S]*SHIPPING_URL: is not set/,
  )
})

import { expect, test } from 'vitest'
import { readBffConfig } from '#bff/config.ts'

const ENVIRONMENT = {
  PORT: '0',
  EVENT_BUS_URL: 'postgres://db/bus',
  AUTH_JWKS_URL: 'https://id.example/jwks',
  AUTH_ISSUER: 'https://id.example',
  AUTH_AUDIENCE: 'waybill',
  SERVICE_TOKEN_FILE: '/run/token',
}
const read = (env: Record<string, string>) => readBffConfig('bff-web', { ...ENVIRONMENT, ...env })

test('GATEWAY_URL names the addresses of the gateway', () => {
  const GATEWAY_URL = 'http://a/graphql|http://b/graphql#weight=2'
  expect(read({ GATEWAY_URL }).gatewayUrl).toBe(GATEWAY_URL)
})

test('the gateway is looked up by name when DISCOVERY_URL is set and GATEWAY_URL is not', () => {
  const { gatewayUrl, discovery } = read({ DISCOVERY_URL: 'consul://10.0.0.5', CONSUL_HTTP_TOKEN: 'secret' })
  expect(gatewayUrl).toBe('service://gateway/graphql')
  expect(discovery).toEqual({ url: 'consul://10.0.0.5', token: 'secret', weight: 1 })
})

test.each([
  ['no variable names the gateway', {}, /GATEWAY_URL: is not set; should hold .*DISCOVERY_URL/],
  [
    'a name cannot be looked up',
    { GATEWAY_URL: 'service://gateway/graphql' },
    /GATEWAY_URL: .*DISCOVERY_URL says/,
  ],
  [
    'an address is invalid',
    { GATEWAY_URL: 'gateway:4020' },
    /GATEWAY_URL: holds "gateway:4020"; should hold/,
  ],
  ['the registry is unknown', { DISCOVERY_URL: 'zookeeper://a' }, /DISCOVERY_URL: .*consul:\/\//],
  ['a weight is invalid', { GATEWAY_URL: 'http://a/', ADVERTISE_WEIGHT: '0' }, /ADVERTISE_WEIGHT: holds "0"/],
])('an error names the variable when %s', (_what, env, said) => {
  expect(() => read(env)).toThrow(said)
})

test('the Consul token is not shown', () => {
  expect(() => read({ DISCOVERY_URL: 'nowhere', CONSUL_HTTP_TOKEN: 'hidden' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hidden') }),
  )
})

// Tests shipping's configuration: required variables, defaults, and one report of all problems.
import { expect, test } from 'vitest'
import { readShippingConfig } from '#subgraphs/shipping/config.ts'

const env = {
  PORT: '4104',
  DATABASE_URL: 'postgres://shipping@db/shipping',
  EVENT_BUS_URL: 'postgres://bus@db/bus',
  AUTH_JWKS_URL: 'https://id.example/jwks.json',
  AUTH_ISSUER: 'https://id.example',
  AUTH_AUDIENCE: 'waybill',
  AUTH_EMBEDDED_DIR: '.data/auth',
  CARRIER_WEBHOOK_SECRET: 'sixteen characters and more',
}

test('shipping uses the sandbox carrier and its own database by default', () => {
  const config = readShippingConfig(env)
  expect(config).toMatchObject({
    ...{ name: 'shipping', host: '127.0.0.1', port: 4104, development: false, sandboxStepMs: 2000 },
    readModelsUrl: env.DATABASE_URL,
    webhookSecret: env.CARRIER_WEBHOOK_SECRET,
  })
  expect(config.carrierUrl).toBeUndefined()
  expect(readShippingConfig({ ...env, CARRIER_URL: 'https://carrier.example' }).carrierUrl).toBe(
    'https://carrier.example',
  )
})

test('every problem is reported at once, without the secret', () => {
  const wrong = {
    ...env,
    ...{ CARRIER_URL: 'pigeon://home', CARRIER_WEBHOOK_SECRET: 'short', CARRIER_SANDBOX_STEP_MS: 'soon' },
    PORT: undefined,
  }
  const message = (() => {
    try {
      readShippingConfig(wrong)
      return ''
    } catch (error) {
      return String(error)
    }
  })()
  for (const name of ['CARRIER_URL', 'CARRIER_WEBHOOK_SECRET', 'CARRIER_SANDBOX_STEP_MS', 'PORT'])
    expect(message).toContain(name)
  expect(message).toContain('pigeon://home')
  expect(message).not.toContain('short')
})

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { readGatewayConfig } from '#gateway/config.ts'
import { DEFAULT_SETTINGS, settingsOf } from '#gateway/settings.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'

const AUTH = {
  AUTH_JWKS_URL: 'https://id.example/jwks',
  AUTH_ISSUER: 'https://id.example',
  AUTH_AUDIENCE: 'waybill',
}

test("the gateway serves Waybill's own supergraph unless another is configured", () => {
  expect(readGatewayConfig(AUTH).supergraph.pathname).toMatch(/schema\/supergraph\.graphql$/)
  expect(readGatewayConfig({ ...AUTH, SUPERGRAPH: '/etc/other.graphql' }).supergraph.pathname).toBe(
    '/etc/other.graphql',
  )
})

test('SUBGRAPH_URLS sets the addresses of subgraphs by name', () => {
  const { subgraphUrls } = readGatewayConfig({
    ...AUTH,
    SUBGRAPH_URLS: 'orders=http://10.0.0.1/graphql, payment=http://10.0.0.2/graphql?a=b',
  })
  expect(subgraphUrls).toEqual({
    orders: 'http://10.0.0.1/graphql',
    payment: 'http://10.0.0.2/graphql?a=b',
  })
})

test('introspection is on only when NODE_ENV is exactly "development"', () => {
  for (const NODE_ENV of [undefined, '', 'dev', 'production', 'Development'])
    expect(readGatewayConfig({ ...AUTH, ...(NODE_ENV !== undefined && { NODE_ENV }) }).development).toBe(
      false,
    )
  expect(readGatewayConfig({ ...AUTH, NODE_ENV: 'development' }).development).toBe(true)
})

test('the error names every invalid variable', () => {
  expect(() => readGatewayConfig({ PORT: 'x', AUTH_JWKS_URL: 'nowhere' })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/PORT[\s\S]*AUTH_JWKS_URL/),
    }),
  )
})

test('tokens are checked only with all three token variables, and a part of them is refused', () => {
  expect(readGatewayConfig({})).not.toHaveProperty('auth')
  expect(() => readGatewayConfig({ AUTH_ISSUER: 'me' })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/AUTH_JWKS_URL: is not set[\s\S]*AUTH_AUDIENCE: is not set/),
    }),
  )
})

test('the settings file is read, and an error names the invalid setting', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'settings.json')
  await writeFile(file, '{ "limits": { "depth": 30 }, "subgraphs": { "a": { "timeoutMs": 50 } } }')
  const { settings } = readGatewayConfig({ GATEWAY_SETTINGS: file })
  expect(settings.limits).toEqual({ ...DEFAULT_SETTINGS.limits, depth: 30 })
  expect(settingsOf(settings, 'a')).toEqual({ ...DEFAULT_SETTINGS.everySubgraph, timeoutMs: 50 })
  expect(settingsOf(settings, 'b')).toEqual(DEFAULT_SETTINGS.everySubgraph)
  await writeFile(file, '{ "limits": { "depth": "deep" }, "colour": "red" }')
  expect(() => readGatewayConfig({ GATEWAY_SETTINGS: file })).toThrow(/limits\.depth[\s\S]*colour/)
  await writeFile(file, '{')
  expect(() => readGatewayConfig({ GATEWAY_SETTINGS: file })).toThrow(/GATEWAY_SETTINGS names/)
})

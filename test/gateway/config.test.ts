import { expect, test } from 'vitest'
import { readGatewayConfig } from '#gateway/config.ts'

const AUTH = {
  AUTH_JWKS_URL: 'https://id.example/jwks',
  AUTH_ISSUER: 'https://id.example',
  AUTH_AUDIENCE: 'waybill',
}

test('serves the supergraph that comes with Waybill, unless another is named', () => {
  expect(readGatewayConfig(AUTH).supergraph.pathname).toMatch(/schema\/supergraph\.graphql$/)
  expect(readGatewayConfig({ ...AUTH, SUPERGRAPH: '/etc/other.graphql' }).supergraph.pathname).toBe(
    '/etc/other.graphql',
  )
})

test('finds subgraphs by name where it is told', () => {
  const { subgraphUrls } = readGatewayConfig({
    ...AUTH,
    SUBGRAPH_URLS: 'orders=http://10.0.0.1/graphql, payment=http://10.0.0.2/graphql?a=b',
  })
  expect(subgraphUrls).toEqual({
    orders: 'http://10.0.0.1/graphql',
    payment: 'http://10.0.0.2/graphql?a=b',
  })
})

test('introspects only when NODE_ENV is exactly "development"', () => {
  for (const NODE_ENV of [undefined, '', 'dev', 'production', 'Development'])
    expect(readGatewayConfig({ ...AUTH, ...(NODE_ENV !== undefined && { NODE_ENV }) }).development).toBe(
      false,
    )
  expect(readGatewayConfig({ ...AUTH, NODE_ENV: 'development' }).development).toBe(true)
})

test('names every variable that is wrong', () => {
  expect(() => readGatewayConfig({ PORT: 'x', AUTH_JWKS_URL: 'nowhere' })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/PORT[\s\S]*AUTH_JWKS_URL[\s\S]*AUTH_ISSUER[\s\S]*AUTH_AUDIENCE/),
    }),
  )
})

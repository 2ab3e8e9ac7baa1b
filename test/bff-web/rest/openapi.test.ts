import { Validator } from '@seriousme/openapi-schema-validator'
import { buildSchema, isUnionType } from 'graphql'
import { expect, it } from 'vitest'
import { mountRest } from '#bff-web/rest/mount.ts'
import { CHECKOUT_REFUSALS, REQUEST_FAULTS } from '#bff-web/rest/routes.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { createOverloadGuard } from '#platform/resilience/overload-guard.ts'
import { readText } from '#tools/schema/generated-files.ts'
import { OPENAPI_FILE, openApiText } from '#tools/schema/openapi.ts'
import { recordingLogger } from '../../platform/telemetry/recording-logger.ts'
import { serveRest } from './rest-fixture.ts'

const text = await readText(OPENAPI_FILE)
const schema = buildSchema(await readText('schema/bff-web.graphql'))

it('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator()
  expect(await validator.validate(JSON.parse(text))).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
})

it('the document is up to date with the routes, their operations and the SDL', async () => {
  expect(text === (await openApiText()), 'stale: run `npm run openapi`').toBe(true)
})

it('every reference resolves, and every component is referenced', () => {
  const { components } = JSON.parse(text) as { components: Record<string, object> }
  const there = Object.entries(components)
    .filter(([kind]) => kind !== 'securitySchemes')
    .flatMap(([kind, named]) => Object.keys(named).map(name => `#/components/${kind}/${name}`))
  const referred = [...text.matchAll(/"\$ref": "([^"]+)"/g)].map(match => match[1] ?? '')
  expect([...new Set(referred)].sort()).toEqual(there.sort())
})

it('the document names all served routes, and no others', async () => {
  const { logger } = recordingLogger()
  const http = createHttpServer({ name: 'bff-web', logger })
  const served: string[] = []
  http.app.addHook('onRoute', ({ method, url }) => {
    const path = url.replaceAll(/:(\w+)/g, '{$1}')
    for (const name of [method].flat())
      if (name !== 'HEAD' && path.startsWith('/api/')) served.push(`${name} ${path}`)
  })
  const jwks = new URL('file:///nowhere/jwks.json')
  const guard = createOverloadGuard(http.name)
  const verifier = createVerifier({ jwks, issuer: 'i', audience: 'a' })
  mountRest(http, { schema, guard, logger, verifier })
  await http.app.ready()
  await http[Symbol.asyncDispose]()
  const { paths } = JSON.parse(text) as { paths: Record<string, object> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  )
  expect(served).toHaveLength(6)
  expect(described.sort()).toEqual(served.sort())
})

it('every refusal of a checkout has a status', () => {
  const result = schema.getType('CheckoutResult')
  const members = isUnionType(result) ? result.getTypes().map(({ name }) => name) : []
  expect(Object.keys(CHECKOUT_REFUSALS).sort()).toEqual(
    members.filter(name => !['OrderAccepted', 'OrderPending', ...REQUEST_FAULTS].includes(name)).sort(),
  )
})

it('the document is served to anybody, with an ETag', async () => {
  await using rest = await serveRest()
  const answer = await fetch(`${rest.url}/api/v1/openapi.json`)
  expect(await answer.text()).toBe(text)
  const headers = { 'if-none-match': answer.headers.get('etag') ?? '' }
  expect((await fetch(`${rest.url}/api/v1/openapi.json`, { headers })).status).toBe(304)
})

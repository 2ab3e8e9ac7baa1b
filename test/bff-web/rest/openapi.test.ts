import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import { buildSchema, isUnionType } from 'graphql'
import { expect, it } from 'vitest'
import { mountRest } from '#bff-web/rest/mount.ts'
import { CHECKOUT_REFUSALS } from '#bff-web/rest/routes.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { OPENAPI_FILE, openApiText } from '#tools/schema/openapi.ts'
import { recordingLogger } from '../../platform/telemetry/recording-logger.ts'
import { serveRest } from './rest-fixture.ts'

const text = await readFile(OPENAPI_FILE, 'utf8')
const sdl = await readFile(new URL('../../../schema/bff-web.graphql', import.meta.url), 'utf8')
const schema = buildSchema(sdl)

it('is an OpenAPI 3.1 document', async () => {
  const validator = new Validator()
  expect(await validator.validate(JSON.parse(text))).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
})

it('is what the routes, their operations and the SDL make of it', async () => {
  expect(text === (await openApiText()), 'stale: run `npm run openapi`').toBe(true)
})

it('refers to nothing that is not in it, and holds nothing that is not referred to', () => {
  const { components } = JSON.parse(text) as { components: Record<string, object> }
  const there = Object.entries(components)
    .filter(([kind]) => kind !== 'securitySchemes')
    .flatMap(([kind, named]) => Object.keys(named).map(name => `#/components/${kind}/${name}`))
  const referred = [...text.matchAll(/"\$ref": "([^"]+)"/g)].map(match => match[1] ?? '')
  expect([...new Set(referred)].sort()).toEqual(there.sort())
})

it('names the routes that are served, and no others', async () => {
  const { logger } = recordingLogger()
  const http = createHttpServer({ name: 'bff-web', logger })
  const served: string[] = []
  http.app.addHook('onRoute', ({ method, url }) => {
    const path = url.replaceAll(/:(\w+)/g, '{$1}')
    for (const name of [method].flat())
      if (name !== 'HEAD' && path.startsWith('/api/')) served.push(`${name} ${path}`)
  })
  const jwks = new URL('file:///nowhere/jwks.json')
  mountRest(http, { schema, logger, verifier: createVerifier({ jwks, issuer: 'i', audience: 'a' }) })
  await http.app.ready()
  await http[Symbol.asyncDispose]()
  const { paths } = JSON.parse(text) as { paths: Record<string, object> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
  )
  expect(served).toHaveLength(6)
  expect(described.sort()).toEqual(served.sort())
})

it('knows a status for each refusal that a checkout may be answered with', () => {
  const result = schema.getType('CheckoutResult')
  const members = isUnionType(result) ? result.getTypes().map(({ name }) => name) : []
  expect(Object.keys(CHECKOUT_REFUSALS).sort()).toEqual(
    members.filter(name => name !== 'OrderAccepted' && name !== 'OrderPending').sort(),
  )
})

it('is served to anybody, with an ETag', async () => {
  await using rest = await serveRest()
  const answer = await fetch(`${rest.url}/api/v1/openapi.json`)
  expect(await answer.text()).toBe(text)
  const headers = { 'if-none-match': answer.headers.get('etag') ?? '' }
  expect((await fetch(`${rest.url}/api/v1/openapi.json`, { headers })).status).toBe(304)
})

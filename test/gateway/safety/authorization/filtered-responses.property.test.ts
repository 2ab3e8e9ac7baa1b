// Compares filtered responses to random operations with what the specification says about fields that fail.
import fc from 'fast-check'
import { execute, type GraphQLError, graphql, Kind, type OperationDefinitionNode, print } from 'graphql'
import { afterAll, expect, test } from 'vitest'
import type { SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import { createOperations } from '#gateway/operations/operation-compiler.ts'
import { executeOperation } from '#gateway/pipeline/execute.ts'
import { readSupergraph } from '#gateway/supergraph/supergraph.ts'
import { DEFAULT_LIMITS } from '#platform/graphql/documents/limits.ts'
import { clinicSchemas, clinicSupergraph } from '../safety-fixture.ts'
import { randomOperations } from './random-operations.ts'

type Claims = Readonly<Record<string, unknown>> | undefined
type Answer = {
  readonly data?: unknown
  readonly errors?: readonly { readonly message: string; readonly path?: readonly string[] }[]
}

const supergraph = await readSupergraph(clinicSupergraph())
afterAll(() => supergraph[Symbol.asyncDispose]())
const operations = createOperations(supergraph, {
  limits: { ...DEFAULT_LIMITS, aliases: 1000, tokens: 50_000, rootFields: 1000 },
  introspection: true,
})
const schemas = clinicSchemas()
const EVERYTHING = { scope: 'books read billing', policies: ['vetted'] }
/** Maps fields to the claims that let a caller see them. */
const RULES: Readonly<Record<string, (claims: Claims) => boolean>> = {
  ...Object.fromEntries(
    ['staffRoom', 'diagnosis', 'code', 'number', 'amount', 'latestBill'].map(name => [
      name,
      (claims: Claims) => claims !== undefined,
    ]),
  ),
  bills: claims => /billing/.test(String(claims?.scope)),
  balance: claims => /books read/.test(String(claims?.scope)),
  secretId: claims => Array.isArray(claims?.policies) && claims.policies.includes('vetted'),
}

async function ask(operation: OperationDefinitionNode, claims: Claims) {
  const asked: string[] = []
  const fetch = async ({ service, body }: SubgraphRequest): Promise<SubgraphResponse> => {
    const { query, variables } = JSON.parse(body)
    asked.push(query)
    const schema = schemas.get(service)
    if (!schema) throw new Error(`there is no ${service}`)
    return JSON.parse(JSON.stringify(await graphql({ schema, source: query, variableValues: variables })))
  }
  const request = { query: print(operation), operationName: undefined, variables: {}, queriesOnly: false }
  const { text } = await executeOperation(
    operations,
    { ...request, claims, fetch },
    ({ message, path, extensions }) => ({
      message,
      ...(path && { path }),
      extensions,
    }),
  )
  const answer: Answer = JSON.parse(text)
  return { ...answer, asked }
}

/** Completes the full response with graphql-js again, where fields that the caller may not see fail. */
async function failing(operation: OperationDefinitionNode, whole: unknown, claims: Claims) {
  const result = await execute({
    schema: supergraph.schema,
    document: { kind: Kind.DOCUMENT, definitions: [operation] },
    rootValue: whole,
    fieldResolver: (source, _args, _context, { fieldName, path }) => {
      if (RULES[fieldName]?.(claims) === false) throw new Error('withheld')
      return source[path.key]
    },
    typeResolver: value => value.__typename,
  })
  return { data: JSON.parse(JSON.stringify(result.data)), errors: (result.errors ?? []).map(placeOf) }
}

const placeOf = ({ path = [] }: GraphQLError) =>
  path.map(key => (typeof key === 'number' ? '@' : key)).join('.')

const claims = fc.option(
  fc.record({
    scope: fc.subarray(['books', 'read', 'billing']).map(scopes => scopes.join(' ')),
    policies: fc.subarray(['vetted']),
  }),
  { nil: undefined },
)

test('a filtered response equals one in which the withheld fields failed, and no subgraph is asked for them', async () => {
  await fc.assert(
    fc.asyncProperty(randomOperations(supergraph.schema), claims, async (operation, given) => {
      const whole = await ask(operation, EVERYTHING)
      expect(whole.errors).toBeUndefined()
      const { data, errors = [], asked } = await ask(operation, given)
      const expected = await failing(operation, whole.data, given)
      expect(data).toEqual(expected.data)
      const forbidden = Object.keys(RULES).filter(name => RULES[name]?.(given) === false && name !== 'code')
      expect(forbidden.filter(name => new RegExp(`\\b${name}\\b`).test(asked.join()))).toEqual([]) // code is a key
      expect(new Set(errors.map(({ message }) => message)).size).toBeLessThanOrEqual(1)
      const told = errors.map(({ path = [] }) => path.join('.'))
      for (const place of expected.errors) expect(told).toContain(place)
    }),
    { numRuns: 150 },
  )
})

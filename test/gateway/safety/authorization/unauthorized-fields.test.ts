import { buildASTSchema, Kind, type OperationDefinitionNode, parse, print } from 'graphql'
import { describe, expect, test } from 'vitest'
import { checkSecurityFeatures } from '#gateway/federation/linked-directives.ts'
import { readAuthorizationRules } from '#gateway/safety/authorization/rules.ts'
import { filterOperation } from '#gateway/safety/authorization/unauthorized-fields.ts'
import { clinicSupergraph } from '../safety-fixture.ts'

const DOCUMENT = parse(`
  directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
  directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
  type Query { nodes: [[Node!]!]! node: Node thing: Thing @authenticated token: Token }
  interface Node { id: ID! note: String }
  type Open implements Node { id: ID! note: String }
  type Closed implements Node @authenticated { id: ID! note: String }
  type Thing { id: ID! }
  scalar Token @requiresScopes(scopes: [])`)
const schema = buildASTSchema(DOCUMENT)
const rules = readAuthorizationRules(DOCUMENT)

/** Filters the operation for a caller who meets no rule. */
function leftOf(text: string) {
  const document = parse(text)
  const fragments = new Map(
    document.definitions.flatMap(one =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  )
  const operation = document.definitions.find(
    (one): one is OperationDefinitionNode => one.kind === Kind.OPERATION_DEFINITION,
  )
  if (!operation) throw new Error('there is no operation')
  const { planned, reports } = filterOperation({ schema, rules, operation, fragments }, () => true)
  return {
    planned: planned && print(planned).replaceAll(/\s+/g, ' '),
    paths: reports.map(({ path }) => path.join('.')),
  }
}

describe('a field of an interface', () => {
  test('is withheld when it is withheld on any possible object type', () => {
    expect(leftOf('{ node { id } }')).toEqual({ planned: '{ node { __typename } }', paths: ['node.id'] })
  })

  test('remains where only visible types are possible', () => {
    expect(
      leftOf('{ node { ... on Open { ...all } ... on Closed { note } } } fragment all on Node { id note }'),
    ).toEqual({ planned: '{ node { ... on Open { ... on Node { id note } } } }', paths: ['node.note'] })
  })

  test('is withheld in one place of a fragment and remains in another', () => {
    const { planned, paths } = leftOf(
      '{ a: node { ...id } b: node { ... on Open { ...id } } } fragment id on Node { id }',
    )
    expect(planned).toBe('{ a: node { __typename } b: node { ... on Open { ... on Node { id } } } }')
    expect(paths).toEqual(['a.id'])
  })
})

test('a list of lists has two @ in the path', () => {
  expect(leftOf('{ nodes { id } }').paths).toEqual(['nodes.@.@.id'])
})

test('nothing is planned when everything is withheld', () => {
  expect(leftOf('{ __typename thing { id } t: token }')).toEqual({
    planned: undefined,
    paths: ['thing', 't'],
  })
})

test('a directive is recognized by the name under which the supergraph links it', () => {
  const linked = parse(`
    schema @link(url: "https://specs.apollo.dev/authenticated/v0.1", as: "auth")
      @link(url: "https://specs.apollo.dev/policy/v0.1", import: [{ name: "@policy", as: "@rule" }]) { query: Query }
    type Query { a: Int @auth b: Int @rule(policies: [["p"]]) c: Int @authenticated d: Int @policy(policies: [["p"]]) }`)
  const { fields, rules: found } = readAuthorizationRules(linked)
  expect([...fields.keys()]).toEqual(['Query.a', 'Query.b'])
  expect(found).toEqual([
    { authenticated: true, scopes: undefined, policies: undefined },
    { authenticated: false, scopes: undefined, policies: [['p']] },
  ])
})

describe('a supergraph', () => {
  const linking = (url: string, purpose: string) =>
    parse(`schema @link(url: "${url}", for: ${purpose}) { query: Query } type Query { a: Int }`)

  test.each([
    'https://specs.apollo.dev/vault/v0.1',
    'https://specs.apollo.dev/policy/v1.0',
    'https://elsewhere.example/authenticated/v0.1',
  ])('is refused when it links %s for security', url => {
    expect(() => checkSecurityFeatures(linking(url, 'SECURITY'))).toThrow(url)
  })

  test('is accepted when it links only known security specifications, or unknown ones for another purpose', () => {
    checkSecurityFeatures(parse(clinicSupergraph()))
    checkSecurityFeatures(linking('https://specs.apollo.dev/vault/v0.1', 'EXECUTION'))
  })
})

import { readFile } from 'node:fs/promises'
import { addTypenameToDocument } from '@apollo/client/utilities'
import {
  buildSchema,
  GraphQLObjectType,
  isObjectType,
  Kind,
  parse,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS, measureDocument } from '#platform/graphql/documents/limits.ts'
import { readManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { readOperations, staleFiles } from '#tools/schema/generated-files.ts'
import { manifestFiles, persist } from '#tools/schema/persist.ts'

const ROOT = new URL('../../../', import.meta.url)
const readText = (file: string) => readFile(new URL(file, ROOT), 'utf8')

it('the manifests match the operation files: else run `npm run persist`', async () => {
  expect(await staleFiles(await manifestFiles())).toEqual([])
})

describe.each([
  ['web', 'bff-web'],
  ['mobile', 'bff-mobile'],
] as const)('the operations of the %s front end', (client, graph) => {
  it('use every page, screen, command and subscription that is not deprecated', async () => {
    const schema = buildSchema(await readText(`schema/${graph}.graphql`))
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
    const wanted = roots
      .filter(isObjectType)
      .flatMap(type =>
        Object.values(type.getFields()).flatMap(field =>
          field.deprecationReason ? [] : [`${type.name}.${field.name}`],
        ),
      )
    const used = new Set<string>()
    const info = new TypeInfo(schema)
    visit(
      await readOperations(`clients/${client}`),
      visitWithTypeInfo(info, {
        Field(node) {
          const type = info.getParentType()
          if (type instanceof GraphQLObjectType) used.add(`${type.name}.${node.name.value}`)
          expect(info.getFieldDef()?.deprecationReason, node.name.value).toBeUndefined()
        },
      }),
    )
    expect(wanted.filter(field => !used.has(field))).toEqual([])
  })

  it('stay within the limits of an operation', async () => {
    const { operations } = await readManifest(new URL(`schema/persisted/${graph}.json`, ROOT))
    for (const { body } of operations) {
      const document = parse(body, { maxTokens: DEFAULT_LIMITS.tokens })
      expect(measureDocument(document, DEFAULT_LIMITS).errors).toEqual([])
    }
  })

  it('have example variables for every required variable, and for no undeclared one', async () => {
    const examples = JSON.parse(await readText(`clients/${client}/variables.json`)) as Record<string, object>
    const { definitions } = await readOperations(`clients/${client}`)
    for (const node of definitions) {
      if (node.kind !== Kind.OPERATION_DEFINITION) continue
      const given = Object.keys(examples[node.name?.value ?? ''] ?? {})
      const declared = node.variableDefinitions ?? []
      const names = declared.map(({ variable }) => variable.name.value)
      expect(names, node.name?.value).toEqual(expect.arrayContaining(given))
      const demanded = declared.filter(({ type }) => type.kind === Kind.NON_NULL_TYPE)
      expect(given, node.name?.value).toEqual(
        expect.arrayContaining(demanded.map(({ variable }) => variable.name.value)),
      )
    }
    const operations = definitions.flatMap(node =>
      node.kind === Kind.OPERATION_DEFINITION ? [node.name?.value] : [],
    )
    expect(operations).toEqual(expect.arrayContaining(Object.keys(examples)))
  })
})

describe('a persisted operation', () => {
  it('is the text that Apollo Client sends', () => {
    const document = parse(
      'query A { order { ...B items { id __typename } } } fragment B on Order { total { amount } ... on Order { id } }',
      { noLocation: true },
    )
    expect(persist([document])[0]?.body).toBe(print(addTypenameToDocument(document)))
  })

  it('keeps its id beside what its name means now, from the text that is in the manifest', () => {
    const [released] = persist([parse('query A { order { ...B } } fragment B on Order { id }')])
    const kept = parse(released?.body ?? '')
    const [first, second] = persist([parse('query A { order { id total } }'), kept, kept]).toSorted(
      (one, other) => one.body.length - other.body.length,
    )
    expect(second).toEqual(released)
    expect(first).toMatchObject({ name: 'A', body: expect.stringContaining('total') })
  })

  it('contains each fragment that it uses once, and no others', () => {
    const document = parse(
      'query A { o { ...B ...C } } query D { o { id } } fragment C on O { ...B } fragment B on O { id }',
    )
    const [first, second] = persist([document])
    expect(first?.body.match(/^fragment \w+/gm)).toEqual(['fragment B', 'fragment C'])
    expect(second?.body).not.toContain('fragment')
  })
})

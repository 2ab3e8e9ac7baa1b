import { readFile } from 'node:fs/promises'
import { type ASTNode, Kind, parse, printSchema, visit } from 'graphql'
import { expect, test } from 'vitest'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { publicSchema, readSubgraphs } from '#tools/schema/compose.ts'

const ROOT = new URL('../../', import.meta.url)
const SOURCES = ['bff-web', 'bff-mobile', ...SUBGRAPHS.map(name => `subgraphs/${name}`)]

const DESCRIBED: readonly string[] = [
  Kind.SCALAR_TYPE_DEFINITION,
  Kind.OBJECT_TYPE_DEFINITION,
  Kind.INTERFACE_TYPE_DEFINITION,
  Kind.UNION_TYPE_DEFINITION,
  Kind.ENUM_TYPE_DEFINITION,
  Kind.INPUT_OBJECT_TYPE_DEFINITION,
  Kind.DIRECTIVE_DEFINITION,
  Kind.FIELD_DEFINITION,
  Kind.INPUT_VALUE_DEFINITION,
  Kind.ENUM_VALUE_DEFINITION,
]

/** Returns what an SDL defines without saying what it is, such as `Query.order.id` for an argument. */
function undescribed(sdl: string): string[] {
  const found: string[] = []
  visit(parse(sdl), {
    enter(node, _key, _parent, _path, ancestors) {
      if (!DESCRIBED.includes(node.kind)) return
      const isDescribed = 'description' in node && node.description?.value.trim()
      if (!isDescribed) found.push([...ancestors.flatMap(namesOf), ...namesOf(node)].join('.'))
    },
  })
  return found
}

function namesOf(node: ASTNode | readonly ASTNode[]): string[] {
  return 'name' in node && node.name !== undefined && 'value' in node.name ? [node.name.value] : []
}

test('what has no description is found, whatever it is', () => {
  const sdl = `
    directive @tagged(name: String) on OBJECT
    scalar Day
    union Any = Thing
    "A thing." type Thing { id(of: Int): ID! "" empty: Int "What it is called." name: String }
    extend type Thing { more: Int }
    interface Node { id: ID! }
    enum Colour { RED }
    input Filter { text: String }
  `
  expect(undescribed(sdl)).toEqual([
    ...['tagged', 'tagged.name', 'Day', 'Any', 'Thing.id', 'Thing.id.of', 'Thing.empty', 'Thing.more'],
    ...['Node', 'Node.id', 'Colour', 'Colour.RED', 'Filter', 'Filter.text'],
  ])
})

test.each(SOURCES)('%s describes all that it defines', async name => {
  expect(undescribed(await readFile(new URL(`schema/${name}.graphql`, ROOT), 'utf8'))).toEqual([])
})

test('the public graph describes all that it defines', async () => {
  expect(undescribed(printSchema(publicSchema(await readSubgraphs())))).toEqual([])
})

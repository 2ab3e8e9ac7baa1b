// Holds docs/how-to/move-to-the-new-graph.md against the graphs of 0.2 and of today: what it lists, and its examples.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import {
  buildSchema,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  parse,
  validate,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { blocksOf, codeWords, ROOT, readPage, sectionOf } from '#test/docs/pages.ts'

const PAGE = readPage('docs/how-to/move-to-the-new-graph.md')
const schemaOf = (file: string) => buildSchema(readFileSync(path.join(ROOT, file), 'utf8'))

const GRAPHS = {
  web: { before: schemaOf('test/docs/bff-web-0.2.0.graphql'), now: schemaOf('schema/bff-web.graphql') },
  mobile: {
    before: schemaOf('test/docs/bff-mobile-0.2.0.graphql'),
    now: schemaOf('schema/bff-mobile.graphql'),
  },
}

/** The first two cells of each row that names something. */
function rowsOf(section: string): { readonly before: string; readonly now: readonly string[] }[] {
  return [...section.matchAll(/^\| (`[^|]+`) \| ([^|]+) \|/gm)].map(([, before = '', now = '']) => ({
    before: codeWords(before)[0] ?? '',
    now: codeWords(now),
  }))
}

type Field = GraphQLField<unknown, unknown> | GraphQLInputField

function fieldsOf(schema: GraphQLSchema, name: string): Record<string, Field> {
  const type = schema.getType(name)
  return isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) ? type.getFields() : {}
}

/** Returns whether the schema has `Type`, `Type.field` or `Type.field(argument)`. */
function has(schema: GraphQLSchema, coordinate: string): boolean {
  const [, type = '', field, argument] = /^(\w+)(?:\.(\w+))?(?:\((\w+)\))?$/.exec(coordinate) ?? []
  if (field === undefined) return schema.getType(type) !== undefined
  const found = fieldsOf(schema, type)[field]
  if (found === undefined || argument === undefined) return found !== undefined
  return 'args' in found && found.args.some(({ name }) => name === argument)
}

/** Lists what an operation of before could use and cannot any more, with types under their new names. */
function missing(before: GraphQLSchema, now: GraphQLSchema, renamed: ReadonlyMap<string, string>): string[] {
  return Object.values(before.getTypeMap()).flatMap(({ name }) => {
    const type = renamed.get(name) ?? name
    const gone = type === name && has(now, name) ? [] : [name]
    return gone.concat(
      Object.values(fieldsOf(before, name)).flatMap(field => {
        const kept = fieldsOf(now, type)[field.name]
        if (kept === undefined) return [`${name}.${field.name}`]
        const args = 'args' in field ? field.args : []
        return args
          .filter(argument => !has(now, `${type}.${field.name}(${argument.name})`))
          .map(argument => `${name}.${field.name}(${argument.name})`)
      }),
    )
  })
}

/**
 * Lists the fields that are still there and have another type than their old one under its new name, as `Type.field: Type`.
 */
function retyped(before: GraphQLSchema, now: GraphQLSchema, renamed: ReadonlyMap<string, string>): string[] {
  const nameNow = (name: string) => renamed.get(name) ?? name
  return Object.values(before.getTypeMap()).flatMap(({ name }) =>
    Object.values(fieldsOf(before, name)).flatMap(field => {
      const kept = fieldsOf(now, nameNow(name))[field.name]
      if (kept === undefined) return []
      const type = getNamedType(kept.type).name
      return type === nameNow(getNamedType(field.type).name) ? [] : [`${name}.${field.name}: ${type}`]
    }),
  )
}

describe.each(Object.entries(GRAPHS))('of the %s graph', (graph, { before, now }) => {
  const renames = rowsOf(sectionOf(PAGE, `What is called otherwise in the ${graph} graph`))
  const changes = rowsOf(sectionOf(PAGE, `What has another type in the ${graph} graph`))
  const types = new Map(
    renames.flatMap(row => (row.before.includes('.') ? [] : [[row.before, row.now[0] ?? ''] as const])),
  )

  test('the page lists everything that is called otherwise, and nothing else', () => {
    const listed = renames.map(row => row.before)
    // The arguments of a field that is called otherwise are listed when they are elsewhere now.
    const moved = listed.filter(one => one.includes('(') && listed.includes(one.replace(/\(.*/, '')))
    expect(listed.filter(one => !moved.includes(one)).sort()).toEqual(missing(before, now, types).sort())
    expect(moved.filter(one => !has(before, one))).toEqual([])
    expect(renames.flatMap(row => row.now).filter(coordinate => !has(now, coordinate))).toEqual([])
  })

  test('the page lists every field that has another type, with that type, and nothing else', () => {
    const listed = changes.map(row => `${row.before}: ${row.now[0]}`)
    expect(listed.sort()).toEqual(retyped(before, now, types).sort())
  })

  test('each example was valid before, or is valid now', () => {
    const blocks = blocksOf(PAGE).filter(({ language }) => language === 'graphql')
    const marked = (mark: string) => blocks.filter(({ marks }) => marks.includes(`${mark}=${graph}`))
    expect(marked('from-0.2').length).toBeGreaterThan(3)
    expect(marked('now')).toHaveLength(marked('from-0.2').length)
    for (const { text } of marked('from-0.2')) expect(validate(before, parse(text)), text).toEqual([])
    for (const { text } of marked('now')) expect(validate(now, parse(text)), text).toEqual([])
  })
})

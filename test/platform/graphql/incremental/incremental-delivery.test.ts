import fc from 'fast-check'
import { buildSchema, execute, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { withoutDefer } from '#platform/graphql/incremental/defer-directive.ts'
import { executeInParts } from '#platform/graphql/incremental/execute-in-parts.ts'
import type { PartsForm } from '#platform/graphql/incremental/parts-form.ts'

const SDL = `
  directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
  type Query { person(id: ID): Person hero: Hero a: A heroes: [Hero!] me: Hero! }
  type Person { name: String homeWorld: World films: [Film!] }
  type World { name: String }
  type Film { title: String }
  type Hero { id: ID name: String slow: String required: String! friend: Hero friends: [Hero!] failing: String node: Node }
  interface Node { id: ID }
  type Other implements Node { id: ID other: String }
  type A { b: B someField: String c: String nonNullC: String! }
  type B { c: C d: String e: E }
  type C { d: String! f: String }
  type E { f: String }
`

const later = <T>(value: T) => new Promise<T>(resolve => setImmediate(() => resolve(value)))

const hero = (id: string): object => ({
  id,
  name: `hero ${id}`,
  slow: () => later('slow'),
  required: () => later(null),
  failing: () => {
    throw new Error('bad')
  },
  friend: () => hero(`${id}f`),
  friends: () => [hero(`${id}1`), hero(`${id}2`)],
  node: { __typename: 'Other', id: 'o', other: 'other' },
})

const rootValue = {
  person: {
    name: 'Luke Skywalker',
    homeWorld: () => later({ name: 'Tatooine' }),
    films: [{ title: 'A New Hope' }],
  },
  hero: hero('1'),
  me: hero('me'),
  heroes: [hero('1'), hero('2')],
  a: {
    b: { c: { d: () => later('d'), f: 'f' }, d: 'bd', e: { f: 'ef' } },
    someField: () => later('someField'),
    c: 'c',
    nonNullC: () => later(null),
  },
}

type Plain = { readonly [key: string]: unknown }

/** Returns the results as a client gets them, as JSON. */
async function partsOf(
  text: string,
  {
    form = 'ids',
    variables = {},
    root = rootValue,
  }: { form?: PartsForm; variables?: Plain; root?: object } = {},
): Promise<Plain[]> {
  const schema = buildSchema(SDL)
  const args = { schema, document: parse(text), rootValue: root, variableValues: variables }
  const executed = await executeInParts(args, form)
  if (!('initialResult' in executed)) return [JSON.parse(JSON.stringify(executed))]
  const parts: Plain[] = [JSON.parse(JSON.stringify(executed.initialResult))]
  for await (const part of executed.subsequentResults) parts.push(JSON.parse(JSON.stringify(part)))
  return parts
}

it("sends the specification's first example: the fields of a deferred fragment, labelled, in a part of their own", async () => {
  const text = `
    query ($id: ID) {
      person(id: $id) { ...HomeWorld @defer(label: "homeWorldDefer") name films { title } }
    }
    fragment HomeWorld on Person { homeWorld { name } }`
  expect(await partsOf(text)).toEqual([
    {
      data: { person: { name: 'Luke Skywalker', films: [{ title: 'A New Hope' }] } },
      pending: [{ id: '0', path: ['person'], label: 'homeWorldDefer' }],
      hasNext: true,
    },
    {
      incremental: [{ id: '0', data: { homeWorld: { name: 'Tatooine' } } }],
      completed: [{ id: '0' }],
      hasNext: false,
    },
  ])
  expect(await partsOf(text, { form: 'paths' })).toEqual([
    { data: { person: { name: 'Luke Skywalker', films: [{ title: 'A New Hope' }] } }, hasNext: true },
    {
      incremental: [{ data: { homeWorld: { name: 'Tatooine' } }, path: ['person'], label: 'homeWorldDefer' }],
      hasNext: false,
    },
  ])
})

it('sends the example of overlapping fragments: each field once, with the path below the part that brings it', async () => {
  const parts = await partsOf(`{
    a { b { c { f } } }
    ... @defer(label: "Blue") { a { b { e { f } } } }
    ... @defer(label: "Red") { a { b { d } c } }
  }`)
  expect(parts[0]).toEqual({
    data: { a: { b: { c: { f: 'f' } } } },
    pending: [
      { id: '0', path: [], label: 'Red' },
      { id: '1', path: [], label: 'Blue' },
    ],
    hasNext: true,
  })
  expect(parts.slice(1)).toEqual([
    {
      incremental: [
        { id: '0', subPath: ['a'], data: { c: 'c' } },
        { id: '0', subPath: ['a', 'b'], data: { d: 'bd' } },
        { id: '1', subPath: ['a', 'b'], data: { e: { f: 'ef' } } },
      ],
      completed: [{ id: '0' }, { id: '1' }],
      hasNext: false,
    },
  ])
})

it("sends the example of an error that nulls a part: it completes with the error, and its siblings' data stays", async () => {
  const parts = await partsOf(`{
    ... @defer(label: "first") { a { b { c { d } } } }
    ... @defer(label: "second") { a { someField nonNullC } }
  }`)
  const [first, ...rest] = parts
  expect(first).toMatchObject({ data: {}, pending: [{ label: 'first' }, { label: 'second' }], hasNext: true })
  const message = 'Cannot return null for non-nullable field A.nonNullC.'
  expect(rest.flatMap(part => part.incremental ?? [])).toEqual([
    { id: '0', data: { a: {} } },
    { id: '0', subPath: ['a'], data: { b: { c: { d: 'd' } } } },
  ])
  expect(rest.flatMap(part => part.completed ?? [])).toEqual([
    { id: '0' },
    { id: '1', errors: [expect.objectContaining({ message, path: ['a', 'nonNullC'] })] },
  ])
  const failing = await partsOf('{ a { c ... @defer(label: "only") { nonNullC } } }')
  expect(failing).toEqual([
    { data: { a: { c: 'c' } }, pending: [{ id: '0', path: ['a'], label: 'only' }], hasNext: true },
    {
      completed: [{ id: '0', errors: [expect.objectContaining({ message, path: ['a', 'nonNullC'] })] }],
      hasNext: false,
    },
  ])
  const older = await partsOf('{ a { c ... @defer(label: "only") { nonNullC } } }', { form: 'paths' })
  expect(older[1]).toEqual({
    incremental: [
      {
        data: null,
        path: ['a'],
        label: 'only',
        errors: [expect.objectContaining({ message, path: ['a', 'nonNullC'] })],
      },
    ],
    hasNext: false,
  })
})

it('announces a nested part once the one around it is complete', async () => {
  const parts = await partsOf(`{
    hero { id ... @defer(label: "outer") { slow friend { id ... @defer(label: "inner") { slow } } } }
  }`)
  expect(parts).toEqual([
    {
      data: { hero: { id: '1' } },
      pending: [{ id: '0', path: ['hero'], label: 'outer' }],
      hasNext: true,
    },
    {
      pending: [{ id: '1', path: ['hero', 'friend'], label: 'inner' }],
      incremental: [{ id: '0', data: { slow: 'slow', friend: { id: '1f' } } }],
      completed: [{ id: '0' }],
      hasNext: true,
    },
    { incremental: [{ id: '1', data: { slow: 'slow' } }], completed: [{ id: '1' }], hasNext: false },
  ])
})

it('has a part for each item of a list, and for fields that two fragments share one increment', async () => {
  const [first, ...rest] = await partsOf(`{
    heroes { id ... @defer(label: "one") { name slow } ... @defer(label: "two") { slow } }
  }`)
  expect(first?.pending).toEqual([
    { id: '0', path: ['heroes', 0], label: 'one' },
    { id: '1', path: ['heroes', 0], label: 'two' },
    { id: '2', path: ['heroes', 1], label: 'one' },
    { id: '3', path: ['heroes', 1], label: 'two' },
  ])
  const increments = rest.flatMap(({ incremental = [] }) => incremental)
  expect(increments).toHaveLength(4)
  expect(increments).toContainEqual({ id: '0', data: { name: 'hero 1' } })
  expect(increments).toContainEqual({ id: '0', data: { slow: 'slow' } })
  expect(rest.flatMap(({ completed = [] }) => completed)).toHaveLength(4)
})

it('is a single result when nothing is left to defer', async () => {
  const single = [{ data: { hero: { id: '1', name: 'hero 1' } } }]
  expect(await partsOf('{ hero { id ... @defer(if: false) { name } } }')).toEqual(single)
  expect(await partsOf('{ hero { id name ... @defer { name } } }')).toEqual(single)
  expect(await partsOf('{ hero { id name ... @defer @include(if: false) { slow } } }')).toEqual(single)
  const text = 'query ($late: Boolean!) { hero { id ... @defer(if: $late) { name } } }'
  expect(await partsOf(text, { variables: { late: false } })).toEqual(single)
  expect(await partsOf(text, { variables: { late: true } })).toHaveLength(2)
  expect(await partsOf(text)).toEqual([
    { errors: [expect.objectContaining({ message: expect.any(String) })] },
  ])
})

it('announces what is nested in a part without fields of its own', async () => {
  const [first, second] = await partsOf(
    '{ hero { id ... @defer(label: "empty") { id ... @defer(label: "full") { slow } } } }',
  )
  expect(first?.pending).toEqual([{ id: '0', path: ['hero'], label: 'full' }])
  expect(second).toMatchObject({ incremental: [{ id: '0', data: { slow: 'slow' } }], hasNext: false })
})

it('drops the parts below a position that an error has nulled', async () => {
  const parts = await partsOf('{ hero { id required friend { ... @defer { slow } } } a { c } }')
  expect(parts).toEqual([
    {
      data: { hero: null, a: { c: 'c' } },
      errors: [expect.objectContaining({ path: ['hero', 'required'] })],
    },
  ])
  const nested = await partsOf('{ hero { id ... @defer { required friend { ... @defer { slow } } } } }')
  expect(nested).toHaveLength(2)
  expect(nested[1]).toMatchObject({ completed: [{ id: '0', errors: [{}] }], hasNext: false })
  expect(await partsOf('{ me { ... @defer { slow } required } }')).toEqual([
    { data: null, errors: [expect.objectContaining({ path: ['me', 'required'] })] },
  ])
})

it('reports an error of a nullable field with the part that has it', async () => {
  const [, second] = await partsOf('{ hero { id ... @defer { name failing } } }')
  expect(second).toEqual({
    incremental: [
      {
        id: '0',
        data: { name: 'hero 1', failing: null },
        errors: [expect.objectContaining({ message: 'bad', path: ['hero', 'failing'] })],
      },
    ],
    completed: [{ id: '0' }],
    hasNext: false,
  })
})

it('starts no part before the results are asked for, and none once nobody asks any more', async () => {
  const called: string[] = []
  const call = (name: string) => () => {
    called.push(name)
    return name
  }
  const root = { hero: { id: '1', name: call('name'), slow: call('slow') } }
  const args = {
    schema: buildSchema(SDL),
    document: parse('{ hero { id ... @defer { name ... @defer { slow } } } }'),
    rootValue: root,
  }
  const executed = await executeInParts(args, 'ids')
  if (!('initialResult' in executed)) throw new Error('there should be parts')
  await later(undefined)
  expect(called).toEqual([])
  await executed.subsequentResults.next()
  expect(called).toEqual(['name'])
  await executed.subsequentResults.return()
  expect((await executed.subsequentResults.next()).done).toBe(true)
  expect(called).toEqual(['name'])
})

describe('any query', () => {
  const leaf = fc.constantFrom('id', 'name', 'slow', 'other: name')
  const { selection } = fc.letrec<{ selection: string; set: string }>(tie => ({
    selection: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc
        .tuple(fc.constantFrom('friend', 'friends', 'first: friend'), tie('set'))
        .map(([field, set]) => `${field} ${set}`),
      fc
        .tuple(fc.constantFrom('@defer', '@defer(if: false)', '', '@defer'), tie('set'))
        .map(([directive, set]) => `... ${directive} ${set}`),
      fc.constantFrom('...F', '...F @defer', '...G', '...G @defer'),
      fc
        .tuple(fc.constantFrom('@defer', ''), fc.constantFrom('id', 'other'))
        .map(([directive, field]) => `node { id ... on Other ${directive} { ${field} } }`),
    ),
    set: fc
      .array(tie('selection'), { minLength: 1, maxLength: 4 })
      .map(selections => `{ ${selections.join(' ')} }`),
  }))
  const text = fc
    .tuple(fc.array(selection, { minLength: 1, maxLength: 4 }), fc.constantFrom('hero', 'heroes', 'me'))
    .map(
      ([
        selections,
        field,
      ]) => `{ ${field} { ${selections.join(' ')} } ... @defer { second: ${field} { id ...F } } ...U }
        fragment U on Query { ${field} { ...F @defer ...G } }
        fragment F on Hero { name friend { slow ...G @defer } }
        fragment G on Hero { slow friends { id name } }`,
    )
  const schema = buildSchema(SDL)

  it.each(['ids', 'paths'] as const)('has in its parts (%s) the data that it has in a single result', form =>
    fc.assert(
      fc.asyncProperty(text, async query => {
        const document = withoutDefer(parse(query))
        const whole = await execute({ schema, document, rootValue })
        const parts = await partsOf(query, { form })
        expect(merged(parts)).toEqual(JSON.parse(JSON.stringify(whole.data)))
        if (form === 'ids') expectComplete(parts)
      }),
      { numRuns: 150 },
    ),
  )
})

type Increment = {
  readonly id?: string
  readonly path?: readonly (string | number)[]
  readonly subPath?: readonly (string | number)[]
  readonly data: Plain
}
type Announced = { readonly id: string; readonly path: readonly (string | number)[] }

function merged([first, ...rest]: readonly Plain[]): unknown {
  const data = first?.data
  const paths = new Map<string, Announced['path']>()
  const note = (part: Plain | undefined) => {
    for (const { id, path } of (part?.pending ?? []) as Announced[]) paths.set(id, path)
  }
  note(first)
  for (const part of rest) {
    note(part)
    for (const { id, path, subPath = [], data: added } of (part.incremental ?? []) as Increment[]) {
      const to = [...(id === undefined ? (path ?? []) : (paths.get(id) ?? ['unknown id'])), ...subPath]
      mergeInto(
        to.reduce<unknown>((value, key) => Reflect.get(Object(value), key), data),
        added,
      )
    }
  }
  return data
}

function mergeInto(target: unknown, added: unknown): void {
  if (typeof target !== 'object' || target === null) throw new Error('there is no object to merge into')
  for (const [key, value] of Object.entries(Object(added))) {
    const before: unknown = Reflect.get(target, key)
    if (typeof before === 'object' && before !== null) mergeInto(before, value)
    else Reflect.set(target, key, value)
  }
}

/** Every part is announced once and completed once, and only the last result has no next one. */
function expectComplete(parts: readonly Plain[]): void {
  const idsOf = (member: 'pending' | 'completed') =>
    parts.flatMap(part => ((part[member] ?? []) as Announced[]).map(({ id }) => id)).sort()
  expect(idsOf('completed')).toEqual(idsOf('pending'))
  expect(new Set(idsOf('pending')).size).toBe(idsOf('pending').length)
  expect(parts.map(part => part.hasNext ?? false)).toEqual(parts.map((_, index) => index < parts.length - 1))
}

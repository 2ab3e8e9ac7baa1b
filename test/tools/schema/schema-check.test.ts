import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buildSchema } from 'graphql'
import { describe, expect, it } from 'vitest'
import { checkSchemas, compareSchemas } from '#tools/schema/schema-check.ts'

const BEFORE = `
  type Query { order(id: ID!, country: String @deprecated, currency: String): Order old: Int @deprecated page: Int }
  type Order { id: ID! note: String! }
  enum Status { OPEN DONE LOST @deprecated }
  input Filter { text: String words: String @deprecated }
  type Unused { status: Status }
`

function compare(...edits: [from: string, to: string][]) {
  const after = edits.reduce((sdl, [from, to]) => {
    expect(sdl).toContain(from)
    return sdl.replace(from, to)
  }, BEFORE)
  return compareSchemas('web', buildSchema(BEFORE), buildSchema(after))
}

describe('a change that breaks clients', () => {
  it.each([
    ['a field that goes', ' page: Int', '', /^Query\.page was removed.*not deprecated/],
    ['an argument that goes', ', currency: String', '', /arg currency was removed.*not deprecated/],
    ['a value that goes', ' DONE', '', /^DONE was removed.*not deprecated/],
    ['an input field that goes', ' text: String', '', /^Filter\.text was removed.*not deprecated/],
    ['another type', 'page: Int', 'page: String', /^Query\.page changed type from Int to String\.$/],
    ['a value that may be missing now', 'note: String!', 'note: String', /changed type/],
    ['an argument that is demanded now', 'currency: String', 'currency: String!', /changed type/],
    ['a type that goes', 'type Unused { status: Status }', '', /^Unused was removed\.$/],
  ])('is named: %s', (_what, from, to, description) => {
    const changes = compare([from, to])
    expect(changes).toContainEqual({
      graph: 'web',
      description: expect.stringMatching(description),
      announced: false,
    })
  })

  it.each([
    ['a field', ' old: Int @deprecated'],
    ['an argument', ', country: String @deprecated'],
    ['an enum value', ' LOST @deprecated'],
    ['an input field', ' words: String @deprecated'],
  ])('is announced when %s was deprecated before it goes', (_what, member) => {
    expect(compare([member, ''])).toEqual([
      { graph: 'web', description: expect.any(String), announced: true },
    ])
  })

  it('is not one that only adds', () => {
    expect(compare(['note: String!', 'note: String! more: Int'], ['OPEN', 'OPEN NEW'])).toEqual([])
  })
})

/** Creates a repository with an SDL in its working tree, independent of this machine's git configuration. */
async function repository() {
  const root = await mkdtemp(path.join(tmpdir(), 'waybill-schema-'))
  await mkdir(path.join(root, 'schema'))
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], {
      cwd: root,
      stdio: 'pipe',
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
    })
  const write = (sdl: string) => writeFile(path.join(root, 'schema/bff-web.graphql'), sdl)
  return {
    root,
    git,
    write,
    async commit(sdl: string) {
      await write(sdl)
      git('add', '.')
      git('commit', '--quiet', '--message', 'change', '--no-gpg-sign')
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

const ONE = 'type Query { one: Int two: Int three: Int }'
const TWO = 'type Query { one: Int two: Int }'
const THREE = 'type Query { one: Int }'

describe('the working tree', () => {
  const comparison = async (root: string, against?: string) => {
    const check = await checkSchemas(root, against)
    if (check.against === undefined) throw new Error(check.reason)
    return check
  }
  const removed = async (root: string, against?: string) =>
    (await comparison(root, against)).changes.map(({ description }) => /^Query\.(\w+)/.exec(description)?.[1])

  it('is compared with the last commit of a main branch without tags, else with the last tag', async () => {
    await using repo = await repository()
    repo.git('init', '--quiet', '--initial-branch=main')
    await repo.commit(ONE)
    repo.git('tag', 'v1')
    await repo.commit(TWO)
    await repo.write(THREE)
    expect(await removed(repo.root)).toEqual(['two', 'three'])
    repo.git('tag', '--delete', 'v1')
    expect(await removed(repo.root)).toEqual(['two'])
  })

  it('is compared with where its branch left the main branch, or with any commit', async () => {
    await using repo = await repository()
    repo.git('init', '--quiet', '--initial-branch=main')
    await repo.commit(ONE)
    repo.git('tag', 'v1')
    await repo.commit(TWO)
    repo.git('checkout', '--quiet', '-b', 'feature')
    await repo.commit(THREE)
    expect(await removed(repo.root)).toEqual(['two'])
    expect(await removed(repo.root, 'v1')).toEqual(['two', 'three'])
    await expect(checkSchemas(repo.root, 'nonsense')).rejects.toThrow('there is no commit nonsense')
  })

  it('is told which persisted operations are gone, whatever replaced them', async () => {
    await using repo = await repository()
    const persistOnly = async (...ids: string[]) => {
      const operations = ids.map(id => ({ id, name: 'OrderPage', type: 'query', body: '{ one }' }))
      const manifest = { format: 'apollo-persisted-query-manifest', version: 1, operations }
      await mkdir(path.join(repo.root, 'schema/persisted'), { recursive: true })
      await writeFile(path.join(repo.root, 'schema/persisted/bff-mobile.json'), JSON.stringify(manifest))
    }
    repo.git('init', '--quiet', '--initial-branch=main')
    await persistOnly('old', 'kept')
    await repo.commit(ONE)
    repo.git('tag', 'v1')
    await persistOnly('kept', 'new')
    await repo.commit(ONE)
    expect(await checkSchemas(repo.root)).toMatchObject({
      against: 'v1',
      lost: [{ client: 'mobile', id: 'old', name: 'OrderPage' }],
    })
    await rm(path.join(repo.root, 'schema/persisted'), { recursive: true })
    const { lost } = await comparison(repo.root)
    expect(lost.map(({ id }) => id)).toEqual(['old', 'kept'])
  })

  it('is not compared when there is no history, and the tool says so', async () => {
    await using repo = await repository()
    await repo.write(ONE)
    expect(await checkSchemas(repo.root)).toMatchObject({
      against: undefined,
      reason: expect.stringContaining('no history'),
    })
  })

  it('reports a graph that was removed', async () => {
    await using repo = await repository()
    repo.git('init', '--quiet', '--initial-branch=main')
    await repo.commit(ONE)
    await rm(path.join(repo.root, 'schema/bff-web.graphql'))
    expect(await checkSchemas(repo.root)).toMatchObject({
      changes: [{ graph: 'bff-web', description: 'the graph was removed', announced: false }],
    })
  })
})

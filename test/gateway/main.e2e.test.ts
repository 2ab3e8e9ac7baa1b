import { symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { postJson, serveHttp } from '#test/fixtures/http-server.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { librarySupergraph } from './gateway-fixture.ts'
import { npmRunGateway, runGateway } from './gateway-process.ts'

async function libraryFile() {
  const folder = await temporaryFolder()
  const file = path.join(folder.path, 'supergraph.graphql')
  await writeFile(file, librarySupergraph())
  return { file, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] }
}

async function ask(url: string, query: string): Promise<unknown> {
  return (await postJson(`${url}/graphql`, { query })).json()
}

describe('npm run gateway', () => {
  test('logs what it serves and where, becomes ready, answers a query, and exits cleanly on SIGTERM', async () => {
    await using library = await libraryFile()
    await using gateway = npmRunGateway({ SUPERGRAPH: library.file })
    const url = await gateway.url
    await gateway.toldThat('Try it:')
    expect(gateway.told.slice(0, 6)).toEqual([
      `gateway     ${url}/graphql`,
      `supergraph  ${library.file}`,
      'subgraphs   catalogue  http://127.0.0.1:1/graphql',
      '            reviews    http://127.0.0.1:1/graphql',
      'callers     all anonymous: AUTH_JWKS_URL is not set',
      'schema      not shown to clients: NODE_ENV=development shows it',
    ])
    expect(await ask(url, '{__typename}')).toEqual({ data: { __typename: 'Query' } })
    const ready = await fetch(`${url}/health/ready`)
    expect(ready.status).toBe(200)
    expect(await ready.json()).toMatchObject({
      status: 'ok',
      dependencies: { supergraph: { detail: expect.stringMatching(/^serves version [\da-f]{12} since /) } },
    })
    for (const line of gateway.log) expect(JSON.parse(line)).toMatchObject({ service: 'gateway' })
    gateway.signal('SIGTERM')
    await gateway.ended
    await expect(fetch(`${url}/health/live`)).rejects.toThrow()
  })

  test('takes the addresses of subgraphs from SUBGRAPH_URLS, and logs no password in them', async () => {
    await using library = await libraryFile()
    await using gateway = runGateway({
      SUPERGRAPH: library.file,
      SUBGRAPH_URLS: 'reviews=http://me:secret@127.0.0.1:2/graphql',
      NODE_ENV: 'development',
    })
    await gateway.url
    await gateway.toldThat('Try it:')
    const told = gateway.told.join('\n')
    expect(told).toContain('reviews    http://me:***@127.0.0.1:2/graphql')
    expect(told).toContain('schema      shown to clients that ask for it')
    gateway.signal('SIGINT')
    expect(await gateway.ended).toBe(0)
  })
})

test('SIGHUP reloads the supergraph', async () => {
  await using library = await libraryFile()
  await using folder = await temporaryFolder()
  const settings = path.join(folder.path, 'settings.json')
  await writeFile(settings, '{ "reload": { "pollMs": 0 } }')
  const link = path.join(folder.path, 'link.graphql') // whose folder does not change
  await symlink(library.file, link)
  await using gateway = runGateway({ SUPERGRAPH: link, GATEWAY_SETTINGS: settings })
  const url = await gateway.url
  await writeFile(library.file, librarySupergraph().replaceAll('newestQuote', 'latestQuote'))
  await gateway.toldThat('Try it:')
  gateway.signal('SIGHUP')
  await gateway.logged('a new supergraph is served')
  expect(await ask(url, '{ newestQuote }')).toMatchObject({
    errors: [{ message: expect.stringContaining('Cannot query field') }],
  })
  expect(await ask(url, '{ __typename latestQuote }')).toMatchObject({ data: { __typename: 'Query' } })
})

describe('a server that does not serve the supergraph yet', () => {
  async function serveLater() {
    let sdl: string | undefined
    const server = await serveHttp((_, response) => {
      response.statusCode = sdl === undefined ? 503 : 200
      response.end(sdl)
    })
    const give = (text: string) => {
      sdl = text
    }
    return { ...server, url: `${server.url}/supergraph`, give }
  }

  test('is waited for, and the log says so', async () => {
    await using server = await serveLater()
    await using gateway = runGateway({ SUPERGRAPH: server.url })
    const waiting = await gateway.logged('waiting for')
    expect(waiting).toContain(`the supergraph at ${server.url}, which SUPERGRAPH names, 60 s at most`)
    server.give(librarySupergraph())
    expect(await ask(await gateway.url, '{ __typename }')).toEqual({ data: { __typename: 'Query' } })
  })

  test('is waited for no longer than the settings allow', async () => {
    await using server = await serveLater()
    await using folder = await temporaryFolder()
    const settings = path.join(folder.path, 'settings.json')
    await writeFile(settings, JSON.stringify({ reload: { waitMs: 50 } }))
    await using gateway = runGateway({ SUPERGRAPH: server.url, GATEWAY_SETTINGS: settings })
    gateway.url.catch(() => {}) // it never listens, and how it ended is checked below
    expect(await gateway.ended).toBe(1)
    expect(gateway.told.join()).toContain(
      `SUPERGRAPH_INVALID: ${server.url} cannot be read: it answered with HTTP 503`,
    )
  })
})

describe('a gateway that cannot start prints the reason in one line and exits with code 1', () => {
  async function told(env: Readonly<Record<string, string>>): Promise<string> {
    await using gateway = runGateway(env)
    gateway.url.catch(() => {}) // it never listens, and how it ended is checked below
    expect(await gateway.ended).toBe(1)
    expect(gateway.log).toEqual([])
    return gateway.told.join('\n')
  }

  test('when the supergraph file does not exist', async () => {
    expect(await told({ SUPERGRAPH: '/nowhere/supergraph.graphql' })).toBe(
      'SUPERGRAPH_INVALID: /nowhere/supergraph.graphql cannot be read: there is no such file',
    )
  })

  test('when the file is not a supergraph', async () => {
    await using folder = await temporaryFolder()
    const file = path.join(folder.path, 'sub.graphql')
    await writeFile(file, 'type Query { a: Int }')
    expect(await told({ SUPERGRAPH: file })).toBe(
      `SUPERGRAPH_INVALID: ${file} cannot be served: it names no subgraphs: is it a Federation 2 supergraph?`,
    )
  })

  test('when subgraphs have no address, naming each of them', async () => {
    await using library = await libraryFile()
    const sdl = librarySupergraph().replaceAll('http://127.0.0.1:1/graphql', '')
    await writeFile(library.file, sdl)
    expect(await told({ SUPERGRAPH: library.file })).toBe(
      `SUPERGRAPH_INVALID: ${library.file} has no http: or https: URL for catalogue, reviews: name it in SUBGRAPH_URLS, as catalogue=http://…`,
    )
  })

  test('when the port is in use', async () => {
    await using library = await libraryFile()
    await using taken = await serveHttp()
    const { port } = taken
    expect(await told({ SUPERGRAPH: library.file, PORT: String(port) })).toBe(
      `PORT_IN_USE: port ${port} is in use, and gateway needs it: stop the program that listens there, or give gateway another port`,
    )
  })

  test('when variables are invalid, naming each of them', async () => {
    expect(await told({ PORT: 'high', LOG_LEVEL: 'loud', AUTH_JWKS_URL: 'nowhere' })).toMatch(
      /^CONFIG_INVALID: .*\n {2}PORT: holds "high"; should hold a port number.*\n[\s\S]*AUTH_JWKS_URL[\s\S]*LOG_LEVEL/,
    )
  })
})

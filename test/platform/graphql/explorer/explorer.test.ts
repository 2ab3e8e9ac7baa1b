import { request } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { exploreGraph } from './explorer-server.ts'

const html = async (url: string, headers: Record<string, string> = {}) =>
  (await fetch(url, { headers })).text()

function settingsOf(page: string): { readonly token?: string; readonly title: string } {
  return JSON.parse(/id="settings"[^>]*>(.*?)<\/script>/s.exec(page)?.[1] ?? '{}')
}

/** The status of a request line that no tidy client would send. */
function statusOf(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path }, response => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

it('the page loads scripts, styles and data from this server only, with a new nonce for each response', async () => {
  await using graph = await exploreGraph()
  const answers = await Promise.all([fetch(graph.page), fetch(graph.page)])
  const [policy = '', another] = answers.map(answer => answer.headers.get('content-security-policy') ?? '')
  expect(policy).toContain("default-src 'none'; script-src 'nonce-")
  expect(policy).toContain(`connect-src 'self' ws://127.0.0.1:${graph.port}`)
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  expect(another).not.toBe(policy)
  expect(answers[0].headers.get('cache-control')).toBe('no-store')
  const page = await answers[0].text()
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? 'none'
  const sources = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(match => match[1] ?? '')
  expect(sources.filter(source => !source.startsWith('/graphiql/'))).toEqual(['data:,'])
  expect(page.match(/<(?:script|link rel="stylesheet")(?![^>]*nonce=)/g)).toBeNull()
  expect(page).toContain(`nonce="${nonce}"`)
})

it('each file is served with the right media type, and with 304 to a client that has it', async () => {
  await using graph = await exploreGraph()
  const page = await html(graph.page)
  const files = [...page.matchAll(/"(\/graphiql\/[\w.-]+)"/g)].map(match => match[1] ?? '')
  expect(files).toHaveLength(7)
  for (const file of files) {
    const answer = await fetch(`${graph.root}${file}`)
    expect(answer.headers.get('content-type')).toContain(
      file.endsWith('.css') ? 'text/css' : 'text/javascript',
    )
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    const text = await answer.text()
    expect(text).not.toContain('sourceMappingURL')
    const etag = answer.headers.get('etag') ?? ''
    expect((await fetch(`${graph.root}${file}`, { headers: { 'if-none-match': etag } })).status).toBe(304)
  }
})

it('no other file is served, whatever the path contains', async () => {
  await using graph = await exploreGraph()
  for (const path of [
    '/graphiql/',
    '/graphiql/explorer.ts',
    '/graphiql/../package.json',
    '/graphiql/..%2f..%2fpackage.json',
    '/graphiql/%2e%2e/package.json',
    '/graphiql/page.js/../../explorer.ts',
    '/graphiql//etc/passwd',
    '/graphiql/page.js%00.css',
  ])
    expect(await statusOf(graph.port, path), path).toBe(404)
})

it('titles and examples are escaped in the page', async () => {
  const text = 'query A { me } # </script><script>alert(1)</script>'
  const title = '<b>"Graph"</b>'
  await using graph = await exploreGraph({ title, operations: [{ name: 'A', text }] })
  const page = await html(graph.page)
  expect(page).not.toContain('<b>')
  expect(page).not.toContain('<script>alert')
  expect(settingsOf(page)).toMatchObject({ title, operations: [{ name: 'A', text }] })
})

/** What the page holds for a request with `headers`, which no tidy client would send. */
async function openedWith(page: string, headers: Record<string, string>) {
  const { hostname: host, port, pathname } = new URL(page)
  const socket = connect(Number(port), host)
  const lines = Object.entries({ host: `${host}:${port}`, connection: 'close', ...headers })
  const version = headers.version ?? '1.1'
  socket.end(
    `GET ${pathname} HTTP/${version}\r\n${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n`,
  )
  return settingsOf((await socket.toArray()).join(''))
}

describe('the sample token', () => {
  const token = async () => 'a.sample.token'

  it('is handed to a browser on this machine', async () => {
    await using graph = await exploreGraph({ token })
    const pages = [graph.page, graph.page.replace('127.0.0.1', 'localhost')]
    for (const page of pages) {
      expect(settingsOf(await html(page)).token).toBe('a.sample.token')
      for (const site of ['none', 'same-origin'])
        expect((await openedWith(page, { 'sec-fetch-site': site })).token).toBe('a.sample.token')
    }
  })

  it.each([
    ...['forwarded-for', 'proxy-client-ip', 'wl-proxy-client-ip', 'front-end-https'],
    ...['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-server'],
    ...['x-real-ip', 'x-client-ip', 'client-ip', 'true-client-ip', 'cf-connecting-ip', 'fastly-client-ip'],
    ...['x-cluster-client-ip', 'x-original-host', 'x-original-forwarded-for', 'x-envoy-external-address'],
    ...['x-amzn-trace-id', 'x-remote-addr', 'x-proxyuser-ip', 'cdn-loop', 'fly-client-ip'],
  ])('is not handed out through a proxy that sends %s', async header => {
    await using graph = await exploreGraph({ token })
    const opened = await openedWith(graph.page, { [header]: '127.0.0.1' })
    expect(opened.title).toBe('Explored graph')
    expect(opened.token).toBeUndefined()
  })

  it.each([
    ['to another name', { host: 'rebound.example' }],
    ['to a name that begins like ours', { host: 'localhost.example' }],
    ['to a page of another site', { 'sec-fetch-site': 'cross-site' }],
    ['to a page of another port', { 'sec-fetch-site': 'same-site' }],
    ['to a proxy that says nothing but speaks HTTP/1.0', { version: '1.0' }],
  ])('is not handed out %s', async (_what, headers) => {
    await using graph = await exploreGraph({ token })
    const opened = await openedWith(graph.page, headers)
    expect(opened.title).toBe('Explored graph')
    expect(opened.token).toBeUndefined()
  })
})
